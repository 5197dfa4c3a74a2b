using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Tests.Tlog;

public sealed class RecordTests
{
    private const string Vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    private static readonly DateTimeOffset Time = new(2026, 11, 29, 18, 57, 0, TimeSpan.Zero);

    private static readonly HeadRecord Head = new(
        "conversation-0198c2a4-7f00-7000-8000-0000000000c1", 41_200, 41_233, Leaves.Roots[1], Leaves.Roots[2],
        Leaves.Roots[3], Leaves.Roots[4]);

    private static readonly LogRecord.Batch Batch = new(
        4711, Time, new LogPosition(123_456_789), 1234, Leaves.Roots[5], 311, Leaves.Roots[6]);

    private static LogRecord[] Records { get; } =
    [
        Batch, new LogRecord.Genesis("chat.example.org/v1/audit/heads", Time, Vkey),
        new LogRecord.Restored(Time, 4700, Time, new LogPosition(12), 4712), new LogRecord.Key(Time, Vkey),
        new LogRecord.Moved(Time, new LogPosition(12), new LogPosition(ulong.MaxValue)),
        new LogRecord.Continues(
            "chat.example.org/v1/audit/heads", Time, Vkey, new LogPosition(7),
            "old.example\n1\nhash\n\n— old.example sig\n"),
    ];

    [Fact]
    public void A_head_is_the_text_of_the_format()
    {
        Assert.Equal(
            $"""
            chatcqrs/head/v1
            conversation-0198c2a4-7f00-7000-8000-0000000000c1
            41200 41233
            {Leaves.Roots[1]}
            {Leaves.Roots[2]}
            {Leaves.Roots[3]}
            {Leaves.Roots[4]}

            """,
            Head.ToString());
        Assert.Equal(Head, HeadRecord.Parse(Head.Encode()));
    }

    [Fact]
    public void A_batch_is_the_text_of_the_format() => Assert.Equal(
        $"""
        chatcqrs/batch/v1
        number 4711
        time 2026-11-29T18:57:00.000Z
        position 123456789
        heads 1234
        root {Leaves.Roots[5]}
        keys 311 {Leaves.Roots[6]}

        """,
        Batch.ToString());

    [Fact]
    public void Every_record_comes_back_from_its_bytes() =>
        Assert.All(Records, record => Assert.Equal(record, LogRecord.Parse(record.Encode())));

    /// <summary>A changed byte gives another record or none: no two texts mean the same.</summary>
    [Fact]
    public void No_changed_byte_goes_unnoticed()
    {
        foreach (var record in Records)
            Assert.All(Changed(record.Encode()), bytes => Assert.NotEqual(record, ParseOrNull(LogRecord.Parse, bytes)));
        Assert.All(Changed(Head.Encode()), bytes => Assert.NotEqual(Head, ParseOrNull(HeadRecord.Parse, bytes)));
    }

    [Fact]
    public void What_is_read_is_written_the_same() => Assert.All(
        Records.SelectMany(record => Changed(record.Encode())),
        bytes => Assert.Equal(ParseOrNull(LogRecord.Parse, bytes)?.Encode() ?? bytes, bytes));

    [Fact]
    public void A_proof_has_the_head_its_place_in_the_batch_and_the_batch()
    {
        Digest[] leaves = [Leaves.All[0], MerkleTree.Leaf(Head.Encode()), Leaves.All[1]];
        var batch = Batch with { Heads = 3, Root = MerkleTree.Root(leaves) };
        var head = new HeadProof(Head, 1, MerkleTree.Inclusion(leaves, 1), batch);
        var proof = new TlogProof(head.Encode(), 7, [Leaves.All[0]], "origin\n8\nroot\n\n— origin sig\n");

        var read = TlogProof.Parse(proof.ToString());
        Assert.Equal(proof.ToString(), read.ToString());
        var inner = HeadProof.Parse(read.Extra);
        Assert.Equal(head.Encode(), inner.Encode());
        Assert.True(inner.Holds());
        Assert.False((inner with { Index = 2 }).Holds());
        Assert.False((inner with { Head = Head with { Last = 41_234 } }).Holds());
        Assert.StartsWith(
            $"c2sp.org/tlog-proof@v1\nextra {Convert.ToBase64String(read.Extra!)}\nindex 7\n", proof.ToString());
    }

    [Theory]
    [InlineData("c2sp.org/tlog-proof@v1\nindex 07\n\nnote")]
    [InlineData("c2sp.org/tlog-proof@v1\nindex 7\nAAAA\n\nnote")]
    [InlineData("c2sp.org/tlog-proof@v1\nextra AB==\nindex 7\n\nnote")]
    [InlineData("c2sp.org/tlog-proof@v1\nextra AAAA\n\nnote")]
    [InlineData("c2sp.org/tlog-proof@v2\nindex 7\n\nnote")]
    [InlineData("c2sp.org/tlog-proof@v1\nindex 7\n")]
    public void A_malformed_proof_is_refused(string text) =>
        Assert.Throws<FormatException>(() => TlogProof.Parse(text));

    private static IEnumerable<byte[]> Changed(byte[] bytes)
    {
        for (var at = 0; at < bytes.Length; at++)
        {
            foreach (var bit in new[] { 1, 2, 16, 32, 128 })
            {
                var changed = bytes.ToArray();
                changed[at] ^= (byte)bit;
                yield return changed;
            }
        }
    }

    private delegate T Parser<T>(ReadOnlySpan<byte> bytes);

    private static T? ParseOrNull<T>(Parser<T> parse, byte[] bytes)
        where T : class
    {
        try
        {
            return parse(bytes);
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
