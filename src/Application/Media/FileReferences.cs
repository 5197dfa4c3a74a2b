using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Finds the files that a message refers to: every <c>file_id</c> in its media object and document, at any depth, or
/// either being an id itself. Files that the sender may not see are ignored, so that guessing an id gains nothing; the
/// message is stored unchanged.
/// </summary>
internal sealed class FileReferences(IMedia media, MediaAccess access, TimeProvider clock)
{
    /// <summary>The most files of one message; further ones are ignored.</summary>
    private const int FilesMax = 64;

    private const string Field = "file_id";

    /// <returns>Null if there are none. Costs no query for messages without attachments.</returns>
    public ValueTask<IReadOnlyList<FileId>?> FindAsync(
        UserId sender, JsonElement? mediaObject, JsonElement? document, CancellationToken cancellationToken)
    {
        if (mediaObject is null && document is null)
            return ValueTask.FromResult<IReadOnlyList<FileId>?>(null);
        var found = new HashSet<FileId>();
        Collect(mediaObject, found);
        Collect(document, found);
        return found.Count == 0
            ? ValueTask.FromResult<IReadOnlyList<FileId>?>(null)
            : new(OfSenderAsync(sender, found, cancellationToken));
    }

    /// <summary>
    /// Whether an attachment is only a reference. An encrypted message may have one in plain, so that its file can be
    /// fetched.
    /// </summary>
    public static bool IsBare(JsonElement attachment) =>
        Parse(attachment) is not null
        || (attachment.ValueKind == JsonValueKind.Object
            && attachment.EnumerateObject().ToList() is [{ } only] && IsField(only) && Parse(only.Value) is not null);

    internal static void Collect(JsonElement? attachment, HashSet<FileId> found)
    {
        if (attachment is not { } element)
            return;
        if (Parse(element) is { } id)
            found.Add(id);
        else
            Walk(element, found);
    }

    private async Task<IReadOnlyList<FileId>?> OfSenderAsync(
        UserId sender, HashSet<FileId> found, CancellationToken cancellationToken)
    {
        var files = await media.TouchAsync(found, clock.GetUtcNow(), cancellationToken);
        var own = new List<FileId>(files.Count);
        foreach (var file in files)
        {
            if (await access.MaySeeAsync(sender, file, cancellationToken))
                own.Add(file.Id);
        }

        return own.Count == 0 ? null : own;
    }

    private static void Walk(JsonElement element, HashSet<FileId> found)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in element.EnumerateObject())
            {
                if (found.Count < FilesMax && IsField(member) && Parse(member.Value) is { } id)
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

    private static bool IsField(JsonProperty member) => member.Name.Equals(Field, StringComparison.OrdinalIgnoreCase);

    private static FileId? Parse(JsonElement element) =>
        element.ValueKind == JsonValueKind.String
        && Uuids.IsOne(element.GetString())
            ? new FileId(Guid.Parse(element.GetString()!))
            : null;
}
