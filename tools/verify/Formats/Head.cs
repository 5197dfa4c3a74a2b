namespace ChatCqrs.Verify.Formats;

/// <summary>A stream's events of one batch, as the log commits to them: <c>chatcqrs/head/v1</c>.</summary>
/// <param name="First">The first revision that it covers.</param>
/// <param name="Last">The last one.</param>
/// <param name="Before">The hash of the event before the first; zeros for revision 0.</param>
/// <param name="Hash">The hash of the last event.</param>
/// <param name="Root">The root of the tree of the events' hashes.</param>
internal sealed record Head(string Stream, long First, long Last, byte[] Before, byte[] Hash, byte[] Root, byte[] Leaf)
{
    private const string FirstLine = "chatcqrs/head/v1";

    /// <exception cref="FormatException">The text is no such record.</exception>
    public static Head Parse(string record)
    {
        var lines = new Lines(record);
        lines.Expect(FirstLine);
        var stream = lines.Next();
        var range = lines.Next().Split(' ');
        if (range.Length != 2)
            throw new FormatException("a head's third line has two numbers");
        var (first, last) = (Lines.Number(range[0]), Lines.Number(range[1]));
        var before = CanonicalBase64.Decode(lines.Next(), Merkle.HashSize);
        var hash = CanonicalBase64.Decode(lines.Next(), Merkle.HashSize);
        var root = CanonicalBase64.Decode(lines.Next(), Merkle.HashSize);
        _ = CanonicalBase64.Decode(lines.Next(), Merkle.HashSize); // The salt.
        lines.End();
        if (first > last)
            throw new FormatException("a head's first revision is after its last one");
        if (first == 0 && before.Any(b => b != 0))
            throw new FormatException("before the first event the hash is zero");
        return new Head(stream, first, last, before, hash, root, Merkle.Leaf(Lines.Bytes(record)));
    }
}
