using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Messages;

/// <summary>Removes the caller's vote from a poll, if there is one.</summary>
public static class ClearVote
{
    /// <returns>The position of the last event written.</returns>
    public sealed record Command(
        UserId Caller, DeviceId Device, ConversationId Conversation, MessageId Message) : IRequest<LogPosition>;

    /// <summary>Nothing to validate: the ids were parsed from the address.</summary>
    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(MessageOperations operations) : IRequestHandler<Command, LogPosition>
    {
        public async Task<LogPosition> Handle(Command request, CancellationToken cancellationToken)
        {
            var (_, changed) = await operations.DoAsync(
                request.Caller, request.Device, request.Conversation, request.Message,
                (found, facts) => found.Message!.Type == MessageType.Poll
                    ? ValueTask.FromResult<ConversationCommand>(
                        new ConversationCommand.ClearVote(request.Caller, facts))
                    : throw new RefusedException(Refusal.NotAPoll),
                cancellationToken);
            return changed.Position;
        }
    }
}
