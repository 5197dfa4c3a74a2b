using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Media;

/// <summary>Names of files: written by people, so they are sealed like everything that people write.</summary>
internal sealed class FileNames(IContentSealer sealer)
{
    /// <summary>How many characters of a name are kept.</summary>
    private const int NameMax = 200;

    public async ValueTask<SealedContent?> SealAsync(UserId owner, FileId file, string? name, CancellationToken cancellationToken) =>
        Clean(name) is { } clean ? await sealer.SealAsync(ScopeOf(owner, file), Encoding.UTF8.GetBytes(clean), cancellationToken) : null;

    /// <returns>Null when it has none, or nobody can read it any more.</returns>
    public async ValueTask<string?> OpenAsync(UserId owner, FileId file, SealedContent? name, CancellationToken cancellationToken) =>
        name is not null && await sealer.OpenAsync(ScopeOf(owner, file), name, cancellationToken) is { } bytes
            ? Encoding.UTF8.GetString(bytes.Span)
            : null;

    /// <summary>The last part of a path, without characters that a file system or a header could stumble over; null when nothing is left.</summary>
    internal static string? Clean(string? name)
    {
        if (name is null)
            return null;
        var last = name[(name.LastIndexOfAny(['/', '\\']) + 1)..];
        var clean = new StringBuilder(last.Length);
        foreach (var rune in last.EnumerateRunes())
        {
            if (rune != Rune.ReplacementChar && Rune.GetUnicodeCategory(rune)
                is not (System.Globalization.UnicodeCategory.Control or System.Globalization.UnicodeCategory.Format))
                clean.Append(rune);
        }

        var text = clean.ToString().Trim().Trim('.');
        if (text.Length > NameMax)
            text = text[^NameMax..]; // The ending says more than the beginning.
        if (text.Length > 0 && char.IsLowSurrogate(text[0]))
            text = text[1..];
        return text.Length == 0 ? null : text;
    }

    private static SealScope ScopeOf(UserId owner, FileId file) => new(null, owner, null, new MessageId(file.Value));
}
