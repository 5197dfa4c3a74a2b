using System.Text.Json;

namespace ChatCqrs.Application.Messages;

/// <summary>An entry of a conversation as clients see it: a message, or an update with its data.</summary>
/// <param name="Kind"><c>message</c>, or the update's kind.</param>
public sealed record TimelineEntryView(
    long Seq, string Kind, DateTimeOffset At, Guid? ActorId, MessageView? Message, JsonElement? Data);
