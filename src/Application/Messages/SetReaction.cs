using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Messages;

/// <summary>Sets the caller's reaction to a message, replacing an earlier one.</summary>
public static class SetReaction
{
    /// <summary>The body of <c>PUT /v1/conversations/{id}/messages/{message_id}/reaction</c>.</summary>
    public sealed record Body
    {
        public string? Emoji { get; init; }
    }

    /// <returns>The position of the last event written.</returns>
    public sealed record Command(
        UserId Caller, DeviceId Device, ConversationId Conversation,
        MessageId Message, Body Body) : IRequest<LogPosition>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() =>
            RuleFor(c => c.Body.Emoji).Must(Emoji.IsOne).WithMessage("must be exactly one emoji.")
                .OverridePropertyName("emoji");
    }

    internal sealed class Handler(MessageOperations operations) : IRequestHandler<Command, LogPosition>
    {
        public async Task<LogPosition> Handle(Command request, CancellationToken cancellationToken)
        {
            var (_, changed) = await operations.DoAsync(
                request.Caller, request.Device, request.Conversation, request.Message,
                (_, facts) => ValueTask.FromResult<ConversationCommand>(
                    new ConversationCommand.SetReaction(request.Caller, facts, request.Body.Emoji!)),
                cancellationToken);
            return changed.Position;
        }
    }
}
