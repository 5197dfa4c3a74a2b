using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Application.Json;
using ChatCqrs.Application.Messages;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// A client's frame: the fields of all frames together; <see cref="Op"/> tells which of them are used.
/// </summary>
internal sealed record ClientFrame
{
    public string? Op { get; init; }
    public JsonElement? Id { get; init; }
    public string? AccessToken { get; init; }

    public string? MessageId { get; init; }
    public string? SenderId { get; init; }
    public string? ReceiverId { get; init; }
    public string? ConversationId { get; init; }
    public string? Type { get; init; }
    public string? Text { get; init; }
    public JsonElement? MediaObject { get; init; }
    public JsonElement? Document { get; init; }
    public string? ReplyTo { get; init; }
    public string? Ciphertext { get; init; }
    public long? Epoch { get; init; }

    public long? Seq { get; init; }
    public bool? Active { get; init; }
    public IReadOnlyList<string?>? UserIds { get; init; }
    public Dictionary<string, long>? Conversations { get; init; }

    public SendMessage.Body ToMessage() => new()
    {
        MessageId = MessageId,
        SenderId = SenderId,
        ReceiverId = ReceiverId,
        ConversationId = ConversationId,
        Type = Type,
        Text = Text,
        MediaObject = MediaObject,
        Document = Document,
        ReplyTo = ReplyTo,
        Ciphertext = Ciphertext,
        Epoch = Epoch,
    };
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, PropertyNameCaseInsensitive = true, MaxDepth = 64,
    AllowDuplicateProperties = false, Converters = [typeof(WellFormedElementConverter)])]
[JsonSerializable(typeof(ClientFrame))]
internal sealed partial class ClientFrameJson : JsonSerializerContext;
