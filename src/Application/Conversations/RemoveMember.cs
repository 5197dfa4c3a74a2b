using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Conversations;

/// <summary>Removes a member from a group; a caller who removes themselves leaves it.</summary>
public static class RemoveMember
{
    /// <returns>The position of the last event written.</returns>
    public sealed record Command(
        UserId Caller, DeviceId Device, ConversationId Conversation, UserId User) : IRequest<LogPosition>;

    /// <summary>Nothing to validate: the ids were parsed from the address.</summary>
    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(IConversationWriter conversations) : IRequestHandler<Command, LogPosition>
    {
        public Task<LogPosition> Handle(
            Command request, CancellationToken cancellationToken) => conversations.ChangeAsync(
            request.Conversation, new ConversationCommand.RemoveMember(request.Caller, request.User), request.Caller,
            request.Device, cancellationToken);
    }
}
