namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>The text of a log's signed head (c2sp.org/tlog-checkpoint@v1.0.0), without extension lines.</summary>
/// <param name="Origin">The log's name, which is its key's name, too.</param>
/// <param name="Size">The number of entries.</param>
/// <param name="Root">The RFC 6962 root over them.</param>
internal sealed record Checkpoint(string Origin, long Size, Digest Root)
{
    /// <exception cref="FormatException">The text is no checkpoint, or has extension lines.</exception>
    public static Checkpoint Parse(string text)
    {
        var lines = new TextLines(text);
        var checkpoint = new Checkpoint(lines.Next(), TextLines.Number(lines.Next()), Digest.Parse(lines.Next()));
        lines.End();
        return checkpoint.Origin.Length > 0 ? checkpoint : throw new FormatException("The origin is empty.");
    }

    /// <summary>The text to sign.</summary>
    public override string ToString() => $"{Origin}\n{TextLines.OfNumber(Size)}\n{Root}\n";
}
