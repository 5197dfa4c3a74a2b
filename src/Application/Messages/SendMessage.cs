using System.Text.Json;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using MediatR;

namespace ChatCqrs.Application.Messages;

/// <summary>Accepts a message for a conversation, or for a user with whom the direct conversation is started if need be.</summary>
public static class SendMessage
{
    /// <summary>The body of <c>POST /v1/messages</c> and of the socket's <c>send</c> frame; ids are strings, so that a bad one is named.</summary>
    public sealed record Body
    {
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
    }

    /// <param name="Origin">The socket session that sends it, which gets an ack in the entry's place; null for REST.</param>
    public sealed record Command(UserId Caller, DeviceId Device, Body Body, Guid? Origin = null) : IRequest<Sent>;
}
