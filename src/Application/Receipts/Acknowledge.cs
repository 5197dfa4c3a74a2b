using ChatCqrs.Domain;
using MediatR;

namespace ChatCqrs.Application.Receipts;

/// <summary>Acknowledges, for the caller's device, every entry of a conversation up to a seq as delivered, as read, or both.</summary>
public static class Acknowledge
{
    /// <returns>Up to where the log holds it.</returns>
    public sealed record Command(UserId Caller, DeviceId Device, ConversationId Conversation, long? DeliveredSeq, long? ReadSeq)
        : IRequest<LogPosition>;
}
