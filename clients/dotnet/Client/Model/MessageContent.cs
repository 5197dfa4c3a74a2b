using System.Text.Json;
using System.Text.Json.Nodes;

namespace ChatCqrs.Client;

/// <summary>The content of a message. A string is a text message's.</summary>
public sealed record MessageContent
{
    /// <summary>One of <see cref="MessageType"/>.</summary>
    public required string Type { get; init; }

    /// <summary>A text of up to 65,536 bytes of UTF-8, a caption, or a poll's question.</summary>
    public string? Text { get; init; }

    /// <summary>For every type but documents: an object with the members that the contract names.</summary>
    public JsonElement? MediaObject { get; init; }

    /// <summary>For documents: the same.</summary>
    public JsonElement? Document { get; init; }

    /// <summary>For encrypted messages: base64 of up to 256 KiB.</summary>
    public string? Ciphertext { get; init; }

    /// <summary>For encrypted messages: the files that their recipients may download, up to 16.</summary>
    public IReadOnlyList<Guid>? FileIds { get; init; }

    /// <summary>A text.</summary>
    public static implicit operator MessageContent(string text) => FromString(text);

    /// <summary>A text.</summary>
    public static MessageContent FromString(string text) => new() { Type = MessageType.Text, Text = text };

    /// <summary>An uploaded file.</summary>
    /// <param name="type"><c>image</c>, <c>video</c>, <c>audio</c> or <c>document</c>.</param>
    /// <param name="file">What the upload answered.</param>
    /// <param name="name">The name to save it under.</param>
    /// <param name="caption">A text to show with it.</param>
    public static MessageContent File(string type, Guid file, string? name = null, string? caption = null)
    {
        var members = new JsonObject { ["file_id"] = file.ToString() };
        if (name is not null)
            members["name"] = name;
        return type == MessageType.Document
            ? new() { Type = type, Text = caption, Document = Element(members) }
            : new() { Type = type, Text = caption, MediaObject = Element(members) };
    }

    /// <summary>A place, in WGS 84 degrees.</summary>
    public static MessageContent Location(double latitude, double longitude, string? name = null)
    {
        var members = new JsonObject { ["latitude"] = latitude, ["longitude"] = longitude };
        if (name is not null)
            members["name"] = name;
        return new() { Type = MessageType.Location, MediaObject = Element(members) };
    }

    /// <summary>A question with 2 to 12 options of 1 to 100 characters.</summary>
    /// <param name="multiple">Whether a person may choose several.</param>
    public static MessageContent Poll(string question, IEnumerable<string> options, bool multiple = false)
    {
        var members = new JsonObject
        {
            ["options"] = new JsonArray([.. options.Select(option => (JsonNode)JsonValue.Create(option))]),
        };
        if (multiple)
            members["multiple"] = true;
        return new() { Type = MessageType.Poll, Text = question, MediaObject = Element(members) };
    }

    private static JsonElement Element(JsonObject members)
    {
        using var document = JsonDocument.Parse(members.ToJsonString());
        return document.RootElement.Clone();
    }
}
