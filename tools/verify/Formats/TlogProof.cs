namespace ChatCqrs.Verify.Formats;

/// <summary>That an entry is in a log (c2sp.org/tlog-proof@v1).</summary>
/// <param name="Extra">Without a meaning of its own; null for none.</param>
/// <param name="Checkpoint">The signed note, verbatim.</param>
internal sealed record TlogProof(byte[]? Extra, long Index, IReadOnlyList<byte[]> Hashes, string Checkpoint)
{
    private const string FirstLine = "c2sp.org/tlog-proof@v1";

    /// <exception cref="FormatException">The text is no such proof.</exception>
    public static TlogProof Parse(string text)
    {
        var lines = new Lines(text);
        lines.Expect(FirstLine);
        var line = lines.Next();
        byte[]? extra = null;
        if (line.StartsWith("extra ", StringComparison.Ordinal))
        {
            extra = CanonicalBase64.Decode(line["extra ".Length..]);
            line = lines.Next();
        }

        if (!line.StartsWith("index ", StringComparison.Ordinal))
            throw new FormatException("the line \"index\" is missing");
        var index = Lines.Number(line["index ".Length..]);
        var hashes = lines.Hashes();
        return new TlogProof(extra, index, hashes, lines.Rest);
    }
}

/// <summary>The extra data of a head's proof: the head, its place in its batch, and the batch's entry.</summary>
internal sealed record HeadProof(Head Head, long Index, IReadOnlyList<byte[]> Hashes, string Entry)
{
    /// <exception cref="FormatException">The bytes are no such data.</exception>
    public static HeadProof Parse(byte[] extra)
    {
        var text = Lines.Text(extra);
        var end = text.IndexOf("\n\n", StringComparison.Ordinal);
        if (end < 0)
            throw new FormatException("the empty line after the head is missing");
        var lines = new Lines(text[(end + 2)..]);
        var index = Lines.Number(lines.Next("index"));
        var hashes = lines.Hashes();
        return new HeadProof(Head.Parse(text[..(end + 1)]), index, hashes, lines.Rest);
    }
}
