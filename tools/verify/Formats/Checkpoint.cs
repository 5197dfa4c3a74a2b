namespace ChatCqrs.Verify.Formats;

/// <summary>
/// The signed size and root of a log (c2sp.org/tlog-checkpoint@v1.0.0), without extension lines: this log has none.
/// </summary>
internal sealed record Checkpoint(string Origin, long Size, byte[] Root, IReadOnlyList<VerifierKey> SignedBy)
{
    /// <summary>The longest checkpoint, in bytes.</summary>
    public const int BytesMax = 64 * 1024;

    /// <exception cref="FormatException">The note is no checkpoint, or none of a known key.</exception>
    public static Checkpoint Open(string text, IReadOnlyCollection<VerifierKey> known)
    {
        var note = SignedNote.Parse(text);
        var signed = note.Check(known);
        var lines = new Lines(note.Text);
        var origin = lines.Next();
        var size = Lines.Number(lines.Next());
        var root = CanonicalBase64.Decode(lines.Next(), Merkle.HashSize);
        lines.End();
        return signed.Any(key => key.Name == origin)
            ? new Checkpoint(origin, size, root, signed)
            : throw new FormatException("the checkpoint is of another log than its key");
    }
}
