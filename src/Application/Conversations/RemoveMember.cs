using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Conversations;

/// <summary>Takes a member out of a group; oneself is leaving it.</summary>
public static class RemoveMember
{
    /// <returns>Up to where the log holds it.</returns>
    public sealed record Command(UserId Caller, DeviceId Device, ConversationId Conversation, UserId User) : IRequest<LogPosition>;

    /// <summary>There is nothing but ids, and those were read from the address.</summary>
    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(IConversationWriter conversations) : IRequestHandler<Command, LogPosition>
    {
        public Task<LogPosition> Handle(Command request, CancellationToken cancellationToken) => conversations.ChangeAsync(
            request.Conversation, new ConversationCommand.RemoveMember(request.Caller, request.User), request.Caller, request.Device, cancellationToken);
    }
}
