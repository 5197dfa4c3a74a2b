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
        var checkpoint = Of(note) with { SignedBy = signed };
        return signed.Any(key => key.Name == checkpoint.Origin)
            ? checkpoint
            : throw new FormatException("the checkpoint is of another log than its key");
    }

    /// <summary>Reads what a checkpoint says, whoever signed it: nothing of it may be believed yet.</summary>
    /// <exception cref="FormatException">The note is no checkpoint.</exception>
    public static Checkpoint Unverified(string text) => Of(SignedNote.Parse(text));

    /// <summary>Reads a checkpoint of another log, and checks its signature if the log's key is known.</summary>
    /// <returns>Nobody in <see cref="SignedBy"/> if the key is not known.</returns>
    /// <exception cref="FormatException">
    /// The note is no checkpoint, has no signature of its log, or a wrong one of a known key.
    /// </exception>
    public static Checkpoint OfAnother(string text, IReadOnlyCollection<VerifierKey> known)
    {
        var note = SignedNote.Parse(text);
        var checkpoint = Of(note);
        if (note.Signatures.All(signature => signature.Name != checkpoint.Origin))
            throw new FormatException("its log has not signed the checkpoint");
        return known.Any(key => key.Name == checkpoint.Origin)
            ? checkpoint with { SignedBy = note.Check([.. known.Where(key => key.Name == checkpoint.Origin)]) }
            : checkpoint;
    }

    private static Checkpoint Of(SignedNote note)
    {
        var lines = new Lines(note.Text);
        var origin = lines.Next();
        var size = Lines.Number(lines.Next());
        var root = CanonicalBase64.Decode(lines.Next(), Merkle.HashSize);
        lines.End();
        return new Checkpoint(origin, size, root, []);
    }
}
