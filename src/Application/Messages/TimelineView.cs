using System.Text.Json;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Messages;

/// <summary>An entry of a conversation as clients see it: a message, or an update's data.</summary>
/// <param name="Kind"><c>message</c>, or an update's kind.</param>
public sealed record TimelineEntryView(long Seq, string Kind, DateTimeOffset At, Guid? ActorId, MessageView? Message, JsonElement? Data)
{
    /// <summary>What an update's <c>data</c> says: the same in the timeline and in the socket's frames.</summary>
    public static JsonElement? DataOf(TimelineEntry entry) => entry.Kind switch
    {
        TimelineEntry.ConversationStartedKind => JsonSerializer.SerializeToElement(
            new ConversationStartedData("direct", entry.Members ?? []), UpdateJson.Default.ConversationStartedData),
        _ => null,
    };
}

/// <summary>The <c>data</c> of <c>conversation_started</c>.</summary>
public sealed record ConversationStartedData(string Type, IReadOnlyList<Guid> MemberIds);
