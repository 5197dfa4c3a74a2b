namespace ChatCqrs.Client;

/// <summary>Options of an upload.</summary>
public sealed class UploadOptions
{
    /// <summary><c>image</c>, <c>video</c>, <c>audio</c>, <c>document</c> or <c>encrypted</c>.</summary>
    public string FileType { get; set; } = MessageType.Document;

    /// <summary>The file's name.</summary>
    public string? FileName { get; set; }

    /// <summary>Goes on with an upload that was begun before, also by another process.</summary>
    public Uri? ResumeFrom { get; set; }

    /// <summary>Called with the upload's address, to be kept for <see cref="ResumeFrom"/>.</summary>
    public Action<Uri>? Begun { get; set; }
}
