namespace ChatCqrs.Application.Media;

/// <summary>What an uploader takes a file for, and whether its bytes agree.</summary>
public static class FileTypes
{
    public const string Image = "image", Video = "video", Audio = "audio", Document = "document";

    public const string Names = "image, video, audio, document";

    public static bool Exists(string? name) => name is Image or Video or Audio or Document;

    /// <summary>
    /// The content type under which a file is kept; null when its bytes are plainly something else. Bytes that say nothing fit every
    /// type: what clients have encrypted looks so. Everything is a document to whoever sends it as one.
    /// </summary>
    /// <param name="content">What the bytes say, see <see cref="ContentTypes"/>.</param>
    public static string? Reconcile(string fileType, string content) => (fileType, content) switch
    {
        (Document, _) or (_, ContentTypes.Opaque) => content,
        (Image, "image/svg+xml") => null, // A program more than a picture.
        (Audio, "video/mp4") => "audio/mp4", // One container for both; only the uploader knows.
        (Audio, "video/webm") => "audio/webm",
        (Audio, "video/3gpp") => "audio/3gpp",
        (Audio, "video/ogg") => "audio/ogg",
        (Audio, "video/x-matroska") => "audio/x-matroska",
        (Video, "audio/ogg") => "video/ogg",
        _ when content.StartsWith(fileType + "/", StringComparison.Ordinal) => content,
        _ => ContentTypes.IsWeak(content) ? ContentTypes.Opaque : null,
    };
}
