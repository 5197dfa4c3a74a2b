using System.Diagnostics;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Application.Conversations;

/// <summary>Sends a caller's change of a conversation to the writer.</summary>
internal static class GroupChanges
{
    /// <returns>The position of the last event written.</returns>
    public static async Task<LogPosition> ChangeAsync(
        this IConversationWriter conversations, ConversationId id, ConversationCommand command, UserId caller,
        DeviceId device, CancellationToken cancellationToken)
    {
        var origin = new Origin(new Actor(caller, device), Activity.Current?.TraceId.ToHexString(), null);
        return (await conversations.ChangeAsync(id, command, origin, cancellationToken)).Position;
    }
}
