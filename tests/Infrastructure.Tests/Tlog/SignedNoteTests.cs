using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Infrastructure.Tlog;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;

namespace ChatCqrs.Infrastructure.Tests.Tlog;

public sealed class SignedNoteTests
{
    private const string Name = "chat.example.org/v1/audit/heads";

    /// <summary>The example of Go's package golang.org/x/mod/sumdb/note.</summary>
    private const string GoVkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    private const string GoNote =
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        + "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZ"
        + "SNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    private static readonly Checkpoint Head = new(Name, 600, Leaves.Roots[600]);

    private readonly NoteSigner _signer = NoteSigner.Of(Name, NoteSigner.NewKey());

    [Fact]
    public void Another_implementations_note_verifies()
    {
        var key = VerifierKey.Parse(GoVkey);
        Assert.Equal([key], SignedNote.Parse(GoNote).Verify(key));
        Assert.Equal(GoNote, SignedNote.Parse(GoNote).ToString());
        Assert.Equal(GoVkey, key.ToString());
    }

    [Fact]
    public void A_key_of_openssl_signs_and_another_library_verifies()
    {
        // openssl genpkey -algorithm ed25519; the key of RFC 8032, section 7.1, test 1.
        const string pem =
            """
            -----BEGIN PRIVATE KEY-----
            MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
            -----END PRIVATE KEY-----

            """;
        using var signer = NoteSigner.Of(Name, Encoding.UTF8.GetBytes(pem));
        Assert.Equal(
            "D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A",
            Convert.ToHexString(signer.Verifier.Raw.Span));
        Assert.StartsWith("E5564300C360AC729086E2CC806E828A", Convert.ToHexString(signer.Sign(""u8)));

        var verifier = new Ed25519Signer();
        verifier.Init(forSigning: false, new Ed25519PublicKeyParameters(signer.Verifier.Raw.ToArray()));
        var text = Encoding.UTF8.GetBytes(Head.ToString());
        verifier.BlockUpdate(text, 0, text.Length);
        Assert.True(verifier.VerifySignature(signer.Sign(Head.ToString()).Bytes.ToArray()));
    }

    [Fact]
    public void A_signature_is_the_same_each_time() =>
        Assert.Equal(
            SignedNote.Sign(Head.ToString(), _signer).ToString(), SignedNote.Sign(Head.ToString(), _signer).ToString());

    [Fact]
    public void Every_changed_byte_of_a_note_is_refused()
    {
        var note = Encoding.UTF8.GetBytes(SignedNote.Sign(Head.ToString(), _signer).ToString());
        Assert.Equal([_signer.Verifier], SignedNote.Parse(note).Verify(_signer.Verifier));
        for (var at = 0; at < note.Length; at++)
        {
            foreach (var bit in new[] { 1, 2, 4, 8, 16, 32, 64, 128 })
            {
                var changed = note.ToArray();
                changed[at] ^= (byte)bit;
                AssertRefused(changed);
            }
        }
    }

    [Fact]
    public void Signatures_of_unknown_keys_do_not_count()
    {
        using var other = NoteSigner.Of(Name, NoteSigner.NewKey());
        var note = SignedNote.Sign(Head.ToString(), other, _signer);

        Assert.Equal([_signer.Verifier], note.Verify(_signer.Verifier));
        Assert.Equal(2, note.Verify(_signer.Verifier, other.Verifier).Count);
        Assert.Throws<CryptographicException>(
            () => SignedNote.Sign(Head.ToString(), other).Verify(_signer.Verifier));
    }

    [Fact]
    public void A_wrong_signature_of_a_known_key_refuses_the_note()
    {
        using var other = NoteSigner.Of("other.example", NoteSigner.NewKey());
        var note = SignedNote.Sign(Head.ToString(), other, _signer);
        var wrong = note.Signatures[0] with { Bytes = note.Signatures[1].Bytes };

        Assert.Throws<CryptographicException>(
            () => (note with { Signatures = [wrong, note.Signatures[1]] }).Verify(_signer.Verifier, other.Verifier));
    }

    [Fact]
    public void A_witness_signs_the_text_with_the_time()
    {
        using var witness = NoteSigner.Of("witness.example/w1", NoteSigner.NewKey());
        var line = Cosignature.Sign(Head.ToString(), witness, 1_679_315_147);
        var key = VerifierKey.Parse(
            new VerifierKey("witness.example/w1", SignatureType.Cosignature, witness.Verifier.Raw.Span).ToString());
        var signed = SignedNote.Sign(Head.ToString(), _signer);
        var note = SignedNote.Parse((signed with { Signatures = [.. signed.Signatures, line] }).ToString());

        Assert.Equal([_signer.Verifier, key], note.Verify(_signer.Verifier, key));
        Assert.Equal(1_679_315_147, Cosignature.TimeOf(note.Signatures[1]));
        Assert.False(Cosignature.IsValid(Head.ToString() + "more\n", line, key));
        for (var at = 0; at < line.Bytes.Length; at++)
        {
            var bytes = line.Bytes.ToArray();
            bytes[at] ^= 1;
            Assert.False(Cosignature.IsValid(Head.ToString(), line with { Bytes = bytes }, key));
        }
    }

    [Theory]
    [InlineData("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")]
    [InlineData("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")]
    [InlineData("Peter+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")]
    [InlineData("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T=")]
    [InlineData("PeterNeumann+c74f20a3")]
    [InlineData("+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")]
    public void A_malformed_vkey_is_refused(string vkey) =>
        Assert.Throws<FormatException>(() => VerifierKey.Parse(vkey));

    [Theory]
    [InlineData("o\n1\n1p==\n")] // Spare bits that are not zero.
    [InlineData("o\n01\nR\n")]
    [InlineData("o\n+1\nR\n")]
    [InlineData("o\n-1\nR\n")]
    [InlineData("\n1\nR\n")]
    [InlineData("o\n1\nR\nextension\n")]
    [InlineData("o\n1\nR")]
    [InlineData("o\n9223372036854775808\nR\n")]
    public void A_malformed_checkpoint_is_refused(string text) => Assert.Throws<FormatException>(
        () => Checkpoint.Parse(text.Replace("R", Leaves.Roots[1].ToString(), StringComparison.Ordinal)));

    [Fact]
    public void Notes_and_their_signatures_have_bounds()
    {
        var line = _signer.Sign(Head.ToString());
        var many = new SignedNote(Head.ToString(), [.. Enumerable.Repeat(line, SignedNote.SignaturesMax + 1)]);
        Assert.Throws<FormatException>(() => SignedNote.Parse(many.ToString()));
        Assert.Throws<FormatException>(() => SignedNote.Parse(new byte[SignedNote.SizeMax + 1]));
        Assert.Throws<FormatException>(() => SignedNote.Parse("a text without signatures\n"));
    }

    private void AssertRefused(byte[] note)
    {
        try
        {
            var parsed = SignedNote.Parse(note);
            Assert.Throws<CryptographicException>(() => parsed.Verify(_signer.Verifier));
        }
        catch (FormatException)
        {
            // Refused before any signature was looked at.
        }
    }
}
