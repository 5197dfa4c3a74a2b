using System.Globalization;
using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Media;

/// <summary>Seals and opens names of files, which users write.</summary>
internal sealed class FileNames(IContentSealer sealer)
{
    /// <summary>The most characters of a name; longer names lose their beginning.</summary>
    private const int NameMax = 200;

    private const char NonJoiner = '\u200c', Joiner = '\u200d';

    public ValueTask<SealedContent?> SealAsync(
        UserId owner, FileId file, string? name, CancellationToken cancellationToken) =>
        SealAsIsAsync(owner, file, Clean(name), cancellationToken);

    /// <summary>Seals what else an uploader says of a file; <see cref="OpenAsync"/> opens it.</summary>
    public async ValueTask<SealedContent?> SealAsIsAsync(
        UserId owner, FileId file, string? text, CancellationToken cancellationToken) => text is null
            ? null
            : await sealer.SealAsync(ScopeOf(owner, file), Encoding.UTF8.GetBytes(text), cancellationToken);

    /// <returns>Null if there is no name or it can no longer be read.</returns>
    public async ValueTask<string?> OpenAsync(
        UserId owner, FileId file, SealedContent? name, CancellationToken cancellationToken) =>
        name is not null && await sealer.OpenAsync(ScopeOf(owner, file), name, cancellationToken) is { } bytes
            ? Encoding.UTF8.GetString(bytes.Span)
            : null;

    /// <summary>
    /// The last part of a path, without characters that confuse file systems, headers or readers (controls, also those
    /// of writing direction); null if nothing is left. U+200C and U+200D stay: scripts of Iran and India need them.
    /// </summary>
    internal static string? Clean(string? name)
    {
        if (name is null)
            return null;
        var last = name[(name.LastIndexOfAny(['/', '\\']) + 1)..];
        var clean = new StringBuilder(last.Length);
        foreach (var rune in last.EnumerateRunes())
        {
            if (rune.Value is NonJoiner or Joiner
                || (rune != Rune.ReplacementChar
                    && Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format)))
                clean.Append(rune);
        }

        var text = clean.ToString().Trim().Trim('.');
        if (text.All(c => c is NonJoiner or Joiner))
            return null;
        if (text.Length > NameMax)
            text = text[^NameMax..]; // The end includes the extension.
        if (text.Length > 0 && char.IsLowSurrogate(text[0]))
            text = text[1..];
        return text.Length == 0 ? null : text;
    }

    private static SealScope ScopeOf(UserId owner, FileId file) => new(null, owner, null, new MessageId(file.Value));
}
