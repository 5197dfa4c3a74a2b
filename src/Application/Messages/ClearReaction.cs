using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Messages;

/// <summary>Takes the caller's reaction to a message back, if there is one.</summary>
public static class ClearReaction
{
    /// <returns>Up to where the log holds it.</returns>
    public sealed record Command(UserId Caller, DeviceId Device, ConversationId Conversation, MessageId Message) : IRequest<LogPosition>;

    /// <summary>There is nothing but ids, and those were read from the address.</summary>
    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(MessageOperations operations) : IRequestHandler<Command, LogPosition>
    {
        public async Task<LogPosition> Handle(Command request, CancellationToken cancellationToken)
        {
            var (_, changed) = await operations.DoAsync(
                request.Caller, request.Device, request.Conversation, request.Message,
                (_, facts) => ValueTask.FromResult<ConversationCommand>(new ConversationCommand.ClearReaction(request.Caller, facts)), cancellationToken);
            return changed.Position;
        }
    }
}
