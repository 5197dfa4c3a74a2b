using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Messages;

/// <summary>Deletes a message for everyone: its content is gone.</summary>
public static class DeleteMessage
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
                (_, facts) => ValueTask.FromResult<ConversationCommand>(
                    new ConversationCommand.DeleteMessage(request.Caller, facts)),
                cancellationToken);
            return changed.Position;
        }
    }
}
