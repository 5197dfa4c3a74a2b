using ChatCqrs.Domain;
using MediatR;

namespace ChatCqrs.Application.Conversations;

/// <summary>Starts a conversation; the direct conversation of two users is found if it exists.</summary>
public static class StartConversation
{
    /// <summary>The body of <c>POST /v1/conversations</c>.</summary>
    public sealed record Body
    {
        public string? Type { get; init; }
        public IReadOnlyList<string?>? MemberIds { get; init; }
    }

    public sealed record Command(UserId Caller, DeviceId Device, Body Body) : IRequest<Result>;

    /// <param name="Created">False when it existed.</param>
    /// <param name="Position">Up to where the log holds it.</param>
    public sealed record Result(ConversationId Conversation, bool Created, LogPosition Position);
}
