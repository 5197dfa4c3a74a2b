using System.Text;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>That an entry is in a log (c2sp.org/tlog-proof@v1).</summary>
/// <param name="Extra">Bytes that the proof itself does not authenticate; null for none.</param>
/// <param name="Index">The entry's place in the log, from 0.</param>
/// <param name="Hashes">The inclusion proof.</param>
/// <param name="Checkpoint">The signed checkpoint, verbatim.</param>
internal sealed record TlogProof(byte[]? Extra, long Index, IReadOnlyList<Digest> Hashes, string Checkpoint)
{
    private const string Header = "c2sp.org/tlog-proof@v1";
    private const string ExtraName = "extra";
    private const string IndexName = "index";

    /// <summary>The hashes of a proof in the largest tree.</summary>
    private const int HashesMax = 63;

    /// <exception cref="FormatException">The text is no such proof.</exception>
    public static TlogProof Parse(string text)
    {
        var split = text.IndexOf("\n\n", StringComparison.Ordinal);
        if (split < 0)
            throw new FormatException("A proof has an empty line before its checkpoint.");
        var lines = new TextLines(text[..(split + 1)]);
        lines.Expect(Header);
        var line = lines.Next();
        byte[]? extra = null;
        if (line.StartsWith(ExtraName + ' ', StringComparison.Ordinal))
            (extra, line) = (StrictBase64.Decode(line[(ExtraName.Length + 1)..]), lines.Next());
        if (!line.StartsWith(IndexName + ' ', StringComparison.Ordinal))
            throw new FormatException("A proof has an index.");
        var index = TextLines.Number(line[(IndexName.Length + 1)..]);
        var hashes = new List<Digest>();
        while (lines.HasNext)
        {
            if (hashes.Count == HashesMax)
                throw new FormatException($"A proof has at most {HashesMax} hashes.");
            hashes.Add(Digest.Parse(lines.Next()));
        }

        return new TlogProof(extra, index, hashes, text[(split + 2)..]);
    }

    public override string ToString()
    {
        var text = new StringBuilder(Header).Append('\n');
        if (Extra is not null)
            text.Append(ExtraName).Append(' ').Append(Convert.ToBase64String(Extra)).Append('\n');
        text.Append(IndexName).Append(' ').Append(TextLines.OfNumber(Index)).Append('\n');
        foreach (var hash in Hashes)
            text.Append(hash).Append('\n');
        return text.Append('\n').Append(Checkpoint).ToString();
    }
}
