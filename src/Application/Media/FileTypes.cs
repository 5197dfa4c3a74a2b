namespace ChatCqrs.Application.Media;

/// <summary>The kinds of files that uploaders state, and whether a file's bytes agree.</summary>
public static class FileTypes
{
    public const string Image = "image", Video = "video", Audio = "audio", Document = "document";

    /// <summary>Bytes that a client encrypted, which the server does not look into.</summary>
    public const string Encrypted = "encrypted";

    public const string Names = "image, video, audio, document, encrypted";

    public static bool Exists(string? name) => name is Image or Video or Audio or Document or Encrypted;

    /// <summary>
    /// The content type to store for a file; null if its bytes contradict the stated kind. Unrecognised bytes, such as
    /// encrypted ones, fit every kind. A document may be anything.
    /// </summary>
    /// <param name="content">The type detected from the bytes; see <see cref="ContentTypes"/>.</param>
    public static string? Reconcile(string fileType, string content) => (fileType, content) switch
    {
        (Encrypted, _) => ContentTypes.Opaque,
        (Document, _) or (_, ContentTypes.Opaque) => content,
        (Image, "image/svg+xml") => null, // SVG can contain scripts.
        (Audio, "video/mp4") => "audio/mp4", // One container for both: the uploader decides.
        (Audio, "video/webm") => "audio/webm",
        (Audio, "video/3gpp") => "audio/3gpp",
        (Audio, "video/ogg") => "audio/ogg",
        (Audio, "video/x-matroska") => "audio/x-matroska",
        (Video, "audio/ogg") => "video/ogg",
        _ when content.StartsWith(fileType + "/", StringComparison.Ordinal) => content,
        _ => ContentTypes.IsWeak(content) ? ContentTypes.Opaque : null,
    };
}
