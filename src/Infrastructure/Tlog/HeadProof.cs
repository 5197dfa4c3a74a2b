using System.Text;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>
/// What stands in the <c>extra</c> of a proof that a stream's head is in the log: the head's record, an empty line, its
/// index and inclusion proof within the batch, an empty line, and the batch's entry.
/// </summary>
/// <param name="Head">The head.</param>
/// <param name="Index">Its leaf's place in the batch's tree, from 0.</param>
/// <param name="Hashes">The inclusion proof within the batch's tree.</param>
/// <param name="Batch">The entry of the log.</param>
internal sealed record HeadProof(HeadRecord Head, long Index, IReadOnlyList<Digest> Hashes, LogRecord.Batch Batch)
{
    private const string IndexName = "index";

    /// <exception cref="FormatException">The bytes are no such proof.</exception>
    public static HeadProof Parse(ReadOnlySpan<byte> extra)
    {
        if (TextLines.Decode(extra).Split("\n\n") is not [var head, var inner, var batch])
            throw new FormatException("The proof has three parts.");
        var lines = new TextLines(inner + "\n");
        var index = TextLines.Number(lines.Field(IndexName));
        var hashes = new List<Digest>();
        while (lines.HasNext)
            hashes.Add(Digest.Parse(lines.Next()));
        return new HeadProof(
            HeadRecord.Parse(Encoding.UTF8.GetBytes(head + "\n")), index, hashes,
            LogRecord.Parse(Encoding.UTF8.GetBytes(batch)) as LogRecord.Batch
                ?? throw new FormatException("The entry is no batch."));
    }

    /// <summary>Whether the head is in the batch.</summary>
    public bool Holds() =>
        MerkleProof.Includes(Index, Batch.Heads, MerkleTree.Leaf(Head.Encode()), Batch.Root, Hashes);

    public byte[] Encode()
    {
        var text = new StringBuilder(Head.ToString()).Append('\n')
            .Append(IndexName).Append(' ').Append(TextLines.OfNumber(Index)).Append('\n');
        foreach (var hash in Hashes)
            text.Append(hash).Append('\n');
        return Encoding.UTF8.GetBytes(text.Append('\n').Append(Batch).ToString());
    }
}
