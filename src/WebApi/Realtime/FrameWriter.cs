using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using ChatCqrs.Application.Json;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Timeline;
using ChatCqrs.WebApi.Accounts;
using ChatCqrs.WebApi.Http;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Writes the server's frames (<c>OpenApi/asyncapi.json</c>), each as the bytes of one WebSocket frame, <c>op</c>
/// first.
/// </summary>
public sealed class FrameWriter(IContentSealer sealer, MessageViews views, UpdateViews updates)
{
    internal static readonly ReadOnlyMemory<byte> Synced = WebSocketFrames.Text("""{"op":"synced"}"""u8);

    private static readonly byte[] MessageStart = """{"op":"message","""u8.ToArray();

    /// <summary>
    /// Fetches the keys of committed entries in one query, so that writing their frames needs none. Optional.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The keys cannot be read now.</exception>
    internal async ValueTask PrepareAsync(IEnumerable<Recorded> entries)
    {
        var sealedOnes = new List<(SealScope, SealedContent)>();
        foreach (var entry in entries)
        {
            if (entry.Event is ConversationEvent.MessageSent sent)
                sealedOnes.Add((ScopeOf(entry.Conversation, sent), sent.Content));
            else if (UpdateViews.ContentOf(entry.Conversation, (ConversationEvent)entry.Event) is { } content)
                sealedOnes.Add(content);
        }

        if (sealedOnes.Count > 1) // A single one is fetched when it is opened.
            await sealer.PrepareAsync(sealedOnes, CancellationToken.None);
    }

    /// <summary>Fetches the keys of entries of the timeline view in one query.</summary>
    internal ValueTask PrepareAsync(IReadOnlyCollection<TimelineEntry> entries) =>
        views.PrepareAsync(entries, CancellationToken.None);

    /// <summary>A committed entry: a message or an update.</summary>
    internal async ValueTask<byte[]> EntryAsync(Recorded entry)
    {
        if (entry.Event is not ConversationEvent.MessageSent sent)
            return await UpdateAsync(TimelineProjection.Added(entry)!, (ConversationEvent)entry.Event);
        var bytes = await sealer.OpenAsync(ScopeOf(entry.Conversation, sent), sent.Content, CancellationToken.None);
        var content = bytes is null ? null : MessageContent.FromBytes(bytes.Value.Span);
        return Message(MessageView.Of(
            entry.Conversation, entry.Revision, sent.MessageId, sent.Sender, sent.Device, sent.Type, content,
            sent.ReplyTo, sent.At, sent.ExpiresAt, status: "sent"));
    }

    /// <summary>An entry of the timeline view.</summary>
    /// <param name="status">A message's status, see <see cref="MessageViews.StatusOf"/>.</param>
    internal async ValueTask<byte[]> EntryAsync(TimelineEntry entry, string status) => entry.Message is null
        ? await UpdateAsync(entry, entry.Update!)
        : Message(await views.OpenAsync(entry, status, CancellationToken.None));

    internal static byte[] Message(MessageView message)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(message, FrameJson.Relaxed.MessageView);
        var payload = new byte[MessageStart.Length + json.Length - 1];
        MessageStart.CopyTo(payload, 0);
        json.AsSpan(1).CopyTo(payload.AsSpan(MessageStart.Length));
        return WebSocketFrames.Text(payload);
    }

    private static SealScope ScopeOf(ConversationId conversation, ConversationEvent.MessageSent sent) =>
        new(sent.ExpiresAt, sent.Sender, conversation, sent.MessageId);

    private async ValueTask<byte[]> UpdateAsync(TimelineEntry entry, ConversationEvent update)
    {
        var data = await updates.DataOfAsync(entry.Conversation, update, CancellationToken.None);
        return Frame(
            new UpdateFrame(
                "update", entry.Conversation.Value, entry.Seq, entry.Kind, entry.Actor?.Value, data, entry.At),
            FrameJson.Relaxed.UpdateFrame);
    }

    internal static byte[] Ack(Recorded entry)
    {
        var sent = (ConversationEvent.MessageSent)entry.Event;
        return Frame(
            new AckFrame("ack", sent.MessageId.Value, entry.Conversation.Value, entry.Revision, sent.At),
            FrameJson.Relaxed.AckFrame);
    }

    internal static byte[] Ack(Sent sent) => Frame(
        new AckFrame("ack", sent.Message.Value, sent.Conversation.Value, sent.Seq, sent.SentAt),
        FrameJson.Relaxed.AckFrame);

    internal static byte[] Receipt(LiveReceipt receipt) => Frame(
        new ReceiptFrame(
            "receipt", receipt.Conversation.Value, receipt.User.Value, receipt.DeliveredSeq, receipt.ReadSeq,
            receipt.At),
        FrameJson.Relaxed.ReceiptFrame);

    internal static byte[] Typing(LiveTyping typing) => Frame(
        new TypingFrame("typing", typing.Conversation.Value, typing.User.Value, typing.Active),
        FrameJson.Relaxed.TypingFrame);

    internal static byte[] Presence(UserId user, PresenceState state) => Frame(
        new PresenceFrame("presence", user.Value, state.Online, state.LastSeen), FrameJson.Relaxed.PresenceFrame);

    /// <summary>Something changed outside of conversations' streams.</summary>
    /// <param name="reader">The device that the frame goes to.</param>
    internal static byte[] Account(AccountChange change, DeviceId reader) => change switch
    {
        AccountChange.OfSettings e => Frame(
            new SettingsChangedFrame(
                "account", "settings_changed", e.Conversation.Value, e.Settings.MutedUntil, e.Settings.Pinned,
                e.Settings.Archived),
            FrameJson.Relaxed.SettingsChangedFrame),
        AccountChange.OfBlock e => Frame(
            new BlockChangedFrame("account", "block_changed", e.User.Value, e.Blocked),
            FrameJson.Relaxed.BlockChangedFrame),
        AccountChange.OfDevice e => Frame(
            new DeviceChangedFrame(
                "account", e.Added ? "device_added" : "device_removed",
                DeviceAnswer.Of(e.Device with { Current = e.Device.Device.Id == reader })),
            FrameJson.Relaxed.DeviceChangedFrame),
        AccountChange.OfProfile e => Profile(e),
        _ => throw new ArgumentOutOfRangeException(nameof(change), change, "Not a change that sockets are told of."),
    };

    /// <summary>A user's new profile, for anybody.</summary>
    internal static byte[] Profile(AccountChange.OfProfile change) => Frame(
        new ProfileChangedFrame(
            "account", "profile_changed", change.User.Value, change.Profile?.Name, change.Profile?.About,
            change.Profile?.Avatar),
        FrameJson.Relaxed.ProfileChangedFrame);

    /// <summary>A client has entries beyond the end of a conversation.</summary>
    internal static byte[] Reset(ConversationId conversation, long lastSeq, Guid incarnation) => Frame(
        new ResetFrame("reset", conversation.Value, lastSeq, incarnation), FrameJson.Relaxed.ResetFrame);

    internal static byte[] Welcome(Connection connection, DateTimeOffset now, Guid incarnation) => Frame(
        new WelcomeFrame(
            "welcome", connection.User.Value, connection.Device.Value, connection.Session, now,
            new Limits(
                SocketGateway.FrameMax, SendMessage.TextMax, SendMessage.CiphertextMax, FrameSession.InFlightMax),
            connection.ExpiresAt, incarnation, KeyPackages: 0),
        FrameJson.Relaxed.WelcomeFrame);

    /// <summary>The socket lives on under another access token.</summary>
    internal static byte[] Authenticated(DateTimeOffset expiresAt) =>
        Frame(new AuthenticatedFrame("authenticated", expiresAt), FrameJson.Relaxed.AuthenticatedFrame);

    internal static byte[] Pong(JsonElement? id) => Frame(new PongFrame("pong", id), FrameJson.Relaxed.PongFrame);

    internal static byte[] Error(string? reference, Problem problem) =>
        Frame(new ErrorFrame("error", reference, problem.ToElement()), FrameJson.Relaxed.ErrorFrame);

    private static byte[] Frame<T>(T frame, JsonTypeInfo<T> type) =>
        WebSocketFrames.Text(JsonSerializer.SerializeToUtf8Bytes(frame, type));
}

internal sealed record UpdateFrame(
    string Op, Guid ConversationId, long Seq, string Kind, Guid? ActorId, JsonElement? Data, DateTimeOffset At);

internal sealed record AckFrame(string Op, Guid MessageId, Guid ConversationId, long Seq, DateTimeOffset SentAt);

internal sealed record ReceiptFrame(
    string Op, Guid ConversationId, Guid UserId, long DeliveredSeq, long ReadSeq, DateTimeOffset At);

internal sealed record TypingFrame(string Op, Guid ConversationId, Guid UserId, bool Active);

internal sealed record PresenceFrame(string Op, Guid UserId, bool Online, DateTimeOffset? LastSeen);

internal sealed record SettingsChangedFrame(
    string Op, string Kind, Guid ConversationId, DateTimeOffset? MutedUntil, bool Pinned, bool Archived);

internal sealed record BlockChangedFrame(string Op, string Kind, Guid UserId, bool Blocked);

internal sealed record DeviceChangedFrame(string Op, string Kind, DeviceAnswer Device);

internal sealed record ProfileChangedFrame(
    string Op, string Kind, Guid UserId, string? Name, string? About, string? Avatar);

/// <param name="ExpiresAt">When the access token ends.</param>
/// <param name="KeyPackages">How many key packages of the device are left; 0 without end-to-end encryption.</param>
internal sealed record WelcomeFrame(
    string Op, Guid UserId, Guid DeviceId, Guid SessionId, DateTimeOffset ServerTime, Limits Limits,
    DateTimeOffset ExpiresAt, Guid Incarnation, int KeyPackages);

internal sealed record AuthenticatedFrame(string Op, DateTimeOffset ExpiresAt);

internal sealed record ResetFrame(string Op, Guid ConversationId, long LastSeq, Guid Incarnation);

/// <param name="InFlight">The most commands of the socket without an answer.</param>
internal sealed record Limits(int FrameBytes, int TextBytes, int CiphertextBytes, int InFlight);

internal sealed record PongFrame(string Op, JsonElement? Id);

internal sealed record ErrorFrame(string Op, string? Ref, JsonElement Problem);

[JsonSerializable(typeof(MessageView))]
[JsonSerializable(typeof(UpdateFrame))]
[JsonSerializable(typeof(AckFrame))]
[JsonSerializable(typeof(ReceiptFrame))]
[JsonSerializable(typeof(TypingFrame))]
[JsonSerializable(typeof(PresenceFrame))]
[JsonSerializable(typeof(WelcomeFrame))]
[JsonSerializable(typeof(AuthenticatedFrame))]
[JsonSerializable(typeof(SettingsChangedFrame))]
[JsonSerializable(typeof(BlockChangedFrame))]
[JsonSerializable(typeof(DeviceChangedFrame))]
[JsonSerializable(typeof(ProfileChangedFrame))]
[JsonSerializable(typeof(ResetFrame))]
[JsonSerializable(typeof(PongFrame))]
[JsonSerializable(typeof(ErrorFrame))]
internal sealed partial class FrameJson : JsonSerializerContext
{
    /// <summary>Escapes no more than JSON requires: no frame is ever part of an HTML page.</summary>
    public static FrameJson Relaxed { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new TimestampConverter() },
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
