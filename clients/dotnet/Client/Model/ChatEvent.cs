using System.Text.Json;

namespace ChatCqrs.Client;

/// <summary>Something that happened. More kinds may come: pass over those you do not know.</summary>
public abstract record ChatEvent;

/// <summary>The connection's state changed.</summary>
/// <param name="State">What it is now.</param>
public sealed record StateChanged(ClientState State) : ChatEvent;

/// <summary>Everything that was missed has been handed over.</summary>
public sealed record CaughtUp : ChatEvent;

/// <summary>An entry of a conversation. A conversation's entries come in seq order, without a gap.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Seq">The entry's place in it.</param>
public abstract record ConversationEntry(Guid ConversationId, long Seq) : ChatEvent;

/// <summary>A message, also one's own: in its place among the others.</summary>
/// <param name="Message">The message.</param>
public sealed record MessageReceived(ChatMessage Message) : ConversationEntry(Message.ConversationId, Message.Seq);

/// <summary>Every other entry of a conversation.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Seq">The entry's place in it.</param>
/// <param name="Kind">Such as <c>member_added</c>, <c>message_edited</c>, <c>reaction_set</c>; more may come.</param>
/// <param name="ActorId">Who did it; null where nobody did.</param>
/// <param name="Data">What the contract says of this kind.</param>
/// <param name="At">When.</param>
public sealed record ConversationUpdated(
    Guid ConversationId, long Seq, string Kind, Guid? ActorId, JsonElement? Data, DateTimeOffset At)
    : ConversationEntry(ConversationId, Seq);

/// <summary>
/// The server has lost entries that it had acknowledged: drop those beyond the seq. Others take their places.
/// </summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="LastSeq">The newest entry that the server still has; -1 for none.</param>
public sealed record ConversationReset(Guid ConversationId, long LastSeq) : ChatEvent;

/// <summary>A message of one's own got on, or was refused.</summary>
/// <param name="Message">The message; its own state may be further already.</param>
/// <param name="Status">How far it has got with this event.</param>
public sealed record OutgoingChanged(OutgoingMessage Message, OutgoingStatus Status) : ChatEvent;

/// <summary>Somebody has, or has read, everything up to a seq. A hint: receipts of messages tell the same.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="UserId">Who.</param>
/// <param name="DeliveredSeq">Up to where their devices have it; -1 for nothing.</param>
/// <param name="ReadSeq">Up to where they have read it; -1 for nothing.</param>
/// <param name="At">When.</param>
public sealed record ReceiptReceived(
    Guid ConversationId, Guid UserId, long? DeliveredSeq, long? ReadSeq, DateTimeOffset At) : ChatEvent;

/// <summary>Somebody began or stopped to type.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="UserId">Who.</param>
/// <param name="Active">Whether they type.</param>
public sealed record TypingReceived(Guid ConversationId, Guid UserId, bool Active) : ChatEvent;

/// <summary>Somebody came online or went.</summary>
/// <param name="UserId">Who.</param>
/// <param name="Online">Whether they are there.</param>
/// <param name="LastSeen">When they were last there.</param>
public sealed record PresenceReceived(Guid UserId, bool Online, DateTimeOffset? LastSeen) : ChatEvent;

/// <summary>Something changed outside of conversations. A hint: the inbox and profiles tell the same.</summary>
/// <param name="Kind">Such as <c>settings_changed</c>, <c>profile_changed</c>; more may come.</param>
/// <param name="Data">The whole frame.</param>
public sealed record AccountChanged(string Kind, JsonElement Data) : ChatEvent;
