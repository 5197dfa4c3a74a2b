using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Sealing;

namespace ChatCqrs.Infrastructure.Tests.Sealing;

/// <summary>
/// AES-GCM does not commit to its key: whoever chooses two keys makes one ciphertext that opens to two texts. The
/// commitment in the content says which of them it is.
/// </summary>
public sealed class CommitmentTests(SealingDatabase database) : IClassFixture<SealingDatabase>
{
    private const int BlockSize = 16;

    private static readonly CancellationToken None = CancellationToken.None;

    private readonly UserId _owner = new(Guid.NewGuid());
    private readonly ConversationId _conversation = new(Guid.NewGuid());

    private SealScope Scope => new(null, _owner, _conversation, new MessageId(Guid.Empty));

    private List<string> Names => new KeyId(null, _owner, _conversation).SecretNames();

    [Fact]
    public void Of_two_keys_that_open_one_ciphertext_the_commitment_names_one()
    {
        var (first, second) = (RandomNumberGenerator.GetBytes(32), RandomNumberGenerator.GetBytes(32));
        var content = WithTwoMeanings(first, second);
        var (one, other) = (DerivedKey.From(Names, first), DerivedKey.From(Names, second));

        Assert.NotEqual(one.Open(content, Associated()), other.Open(content, Associated()));
        one.Check(one.Commit);
        Assert.Throws<CryptographicException>(() => other.Check(one.Commit));
    }

    [Fact]
    public async Task Content_with_two_meanings_opens_from_escrow_only_to_the_one_that_was_committed_to()
    {
        var (first, second) = (RandomNumberGenerator.GetBytes(32), RandomNumberGenerator.GetBytes(32));
        using var sealer = database.Sealer();
        await sealer.EscrowAsync(
            new Dictionary<string, byte[]> { [$"hold:1:{_owner}"] = first, [$"hold:2:{_owner}"] = second }, None);
        var bytes = WithTwoMeanings(first, second);
        var content = new SealedContent(null, bytes, DerivedKey.From(Names, first).Commit);

        Assert.Equal(
            DerivedKey.From(Names, first).Open(bytes, Associated()),
            (await sealer.OpenEscrowedAsync([$"hold:1:{_owner}"], Scope, content, None))!.Value.ToArray());
        await Assert.ThrowsAsync<CryptographicException>(
            () => sealer.OpenEscrowedAsync([$"hold:2:{_owner}"], Scope, content, None));
    }

    [Fact]
    public async Task New_content_carries_a_commitment_and_no_other_one_opens_it()
    {
        using var sealer = database.Sealer();
        var content = await sealer.SealAsync(Scope, "text"u8.ToArray(), None);
        var again = await sealer.SealAsync(Scope, "more"u8.ToArray(), None);

        Assert.Equal(content.Commit!.Value.ToArray(), again.Commit!.Value.ToArray());
        for (var at = 0; at < content.Commit.Value.Length; at++)
        {
            var wrong = content.Commit.Value.ToArray();
            wrong[at] ^= 1;
            await AssertClosedAsync(sealer, content with { Commit = wrong });
        }

        await AssertClosedAsync(sealer, content with { Commit = content.Commit.Value[..31] });
        await AssertClosedAsync(sealer, content with { Commit = ReadOnlyMemory<byte>.Empty });
    }

    [Fact]
    public async Task Content_from_before_there_were_commitments_opens_with_its_secrets_and_from_escrow()
    {
        using var sealer = database.Sealer();
        var old = await sealer.SealAsync(Scope, "text"u8.ToArray(), None) with { Commit = null };
        var id = new KeyId(null, _owner, _conversation);
        var roots = await sealer.RootKeysAsync([id], None);
        await sealer.EscrowAsync(new Dictionary<string, byte[]> { [$"hold:{_owner}"] = roots[id] }, None);
        Assert.Equal("text", Text(await sealer.OpenAsync(Scope, old, None)));
        await database.Secrets().ShredAsync(SecretName.Of(_owner), None);
        using var other = database.Sealer();

        Assert.Null(await other.OpenAsync(Scope, old, None));
        Assert.Equal("text", Text(await other.OpenEscrowedAsync([$"hold:{_owner}"], Scope, old, None)));
    }

    /// <summary>The key of content is as it was when 64 bytes were derived.</summary>
    [Fact]
    public void A_third_block_leaves_the_first_two_as_they_were()
    {
        var root = RandomNumberGenerator.GetBytes(32);
        using var aes = Aead.Key(ContentKeyOf(root));
        var content = Aead.Seal(aes, "text"u8, Associated());

        Assert.Equal("text"u8.ToArray(), DerivedKey.From(Names, root).Open(content, Associated()));
    }

    private static string? Text(ReadOnlyMemory<byte>? open) =>
        open is { } bytes ? Encoding.UTF8.GetString(bytes.Span) : null;

    private async Task AssertClosedAsync(ContentSealer sealer, SealedContent content)
    {
        await Assert.ThrowsAsync<CryptographicException>(
            async () => await sealer.OpenAsync(Scope, content, None));
        var id = new KeyId(null, _owner, _conversation);
        var roots = await sealer.RootKeysAsync([id], None);
        await sealer.EscrowAsync(new Dictionary<string, byte[]> { [$"hold:{_owner}"] = roots[id] }, None);
        await Assert.ThrowsAsync<CryptographicException>(
            () => sealer.OpenEscrowedAsync([$"hold:{_owner}"], Scope, content, None));
    }

    private byte[] Associated()
    {
        var bytes = new byte[48];
        _owner.Value.TryWriteBytes(bytes, bigEndian: true, out _);
        _conversation.Value.TryWriteBytes(bytes.AsSpan(16), bigEndian: true, out _);
        return bytes;
    }

    private byte[] ContentKeyOf(byte[] root)
    {
        var info = Encoding.UTF8.GetBytes("chatcqrs content " + string.Join(' ', Names));
        return HKDF.Expand(HashAlgorithmName.SHA256, root, 64, info)[..32];
    }

    /// <summary>
    /// Nonce, two blocks of ciphertext and a tag that are authentic under both keys. GHASH is linear in the second
    /// block, so it is solved for the one value with which both tags are the same (NIST SP 800-38D, section 6.4).
    /// </summary>
    private byte[] WithTwoMeanings(byte[] first, byte[] second)
    {
        var (nonce, block) = (RandomNumberGenerator.GetBytes(12), RandomNumberGenerator.GetBytes(BlockSize));
        var (one, other) = (new Ghash(ContentKeyOf(first), nonce), new Ghash(ContentKeyOf(second), nonce));
        var zero = new byte[BlockSize];
        var difference = one.Tag(Associated(), [.. block, .. zero]) ^ other.Tag(Associated(), [.. block, .. zero]);
        var factor = Ghash.Multiply(one.Key, one.Key) ^ Ghash.Multiply(other.Key, other.Key);
        var solved = new byte[BlockSize];
        BinaryPrimitives.WriteUInt128BigEndian(solved, Ghash.Multiply(difference, Ghash.Invert(factor)));
        var tag = new byte[BlockSize];
        BinaryPrimitives.WriteUInt128BigEndian(tag, one.Tag(Associated(), [.. block, .. solved]));
        return [.. nonce, .. block, .. solved, .. tag];
    }

    /// <summary>The authenticator of AES-GCM with a nonce of 96 bits.</summary>
    private sealed class Ghash
    {
        private readonly UInt128 _mask;

        public Ghash(byte[] key, byte[] nonce)
        {
            using var aes = Aes.Create();
            aes.Key = key;
            Key = Read(aes.EncryptEcb(new byte[BlockSize], PaddingMode.None));
            _mask = Read(aes.EncryptEcb([.. nonce, 0, 0, 0, 1], PaddingMode.None));
        }

        public UInt128 Key { get; }

        /// <summary>Of associated data and ciphertext of whole blocks.</summary>
        public UInt128 Tag(byte[] associated, byte[] ciphertext)
        {
            var lengths = ((UInt128)(ulong)(associated.Length * 8) << 64) | (ulong)(ciphertext.Length * 8);
            UInt128 hash = 0;
            foreach (var block in associated.Concat(ciphertext).Chunk(BlockSize))
                hash = Multiply(hash ^ Read(block), Key);
            return Multiply(hash ^ lengths, Key) ^ _mask;
        }

        /// <summary>In GF(2^128), the first bit being the lowest power (section 6.3).</summary>
        public static UInt128 Multiply(UInt128 left, UInt128 right)
        {
            var reduction = (UInt128)0xE1 << 120;
            UInt128 product = 0;
            for (var bit = 127; bit >= 0; bit--)
            {
                if (((left >> bit) & 1) == 1)
                    product ^= right;
                right = (right & 1) == 1 ? (right >> 1) ^ reduction : right >> 1;
            }

            return product;
        }

        /// <summary>To the power of 2^128 - 2.</summary>
        public static UInt128 Invert(UInt128 value)
        {
            var (inverse, power) = ((UInt128)1 << 127, value);
            for (var bit = 1; bit < 128; bit++)
            {
                power = Multiply(power, power);
                inverse = Multiply(inverse, power);
            }

            return inverse;
        }

        private static UInt128 Read(byte[] block) => BinaryPrimitives.ReadUInt128BigEndian(block);
    }
}
