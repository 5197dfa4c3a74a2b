using System.Text.Json;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Media;

/// <summary>
/// The files that a message refers to: every <c>file_id</c> and <c>thumbnail_file_id</c> in its media object and
/// document, at any depth, or either being an id itself. Everyone who sees the message may download them, so each must
/// be the sender's to send (<see cref="FilePermissions"/>).
/// </summary>
internal static class FileReferences
{
    /// <summary>The most files of one message.</summary>
    public const int FilesMax = 64;

    private const string File = "file_id", Thumbnail = "thumbnail_file_id";

    /// <returns>Each file once; null if there are none.</returns>
    public static IReadOnlyList<FileId>? Of(JsonElement? mediaObject, JsonElement? document)
    {
        if (mediaObject is null && document is null)
            return null;
        var found = new HashSet<FileId>();
        Collect(mediaObject, found);
        Collect(document, found);
        return found.Count == 0 ? null : [.. found];
    }

    /// <summary>
    /// Whether an attachment is only a reference. An encrypted message may have one in plain, so that its file can be
    /// fetched.
    /// </summary>
    public static bool IsBare(JsonElement attachment) =>
        Parse(attachment) is not null
        || (attachment.ValueKind == JsonValueKind.Object
            && attachment.EnumerateObject().ToList() is [{ } only] && Is(only, File) && Parse(only.Value) is not null);

    internal static void Collect(JsonElement? attachment, HashSet<FileId> found)
    {
        if (attachment is not { } element)
            return;
        if (Parse(element) is { } id)
            found.Add(id);
        else
            Walk(element, found);
    }

    private static void Walk(JsonElement element, HashSet<FileId> found)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in element.EnumerateObject())
            {
                if ((Is(member, File) || Is(member, Thumbnail)) && Parse(member.Value) is { } id)
                    found.Add(id);
                else
                    Walk(member.Value, found);
            }
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in element.EnumerateArray())
                Walk(item, found);
        }
    }

    private static bool Is(JsonProperty member, string field) =>
        member.Name.Equals(field, StringComparison.OrdinalIgnoreCase);

    private static FileId? Parse(JsonElement element) =>
        element.ValueKind == JsonValueKind.String
        && Uuids.IsOne(element.GetString())
            ? new FileId(Guid.Parse(element.GetString()!))
            : null;
}
