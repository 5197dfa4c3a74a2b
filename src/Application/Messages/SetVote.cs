using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Projections.Timeline;
using FluentValidation;
using FluentValidation.Results;
using MediatR;

namespace ChatCqrs.Application.Messages;

/// <summary>Sets the caller's vote in a poll, replacing an earlier one.</summary>
public static class SetVote
{
    private const string Field = "options";

    /// <summary>The body of <c>PUT /v1/conversations/{id}/messages/{message_id}/vote</c>.</summary>
    public sealed record Body
    {
        /// <summary>Indexes of the poll's options, from 0; doubles are folded.</summary>
        public IReadOnlyList<int>? Options { get; init; }
    }

    /// <returns>The position of the last event written.</returns>
    public sealed record Command(
        UserId Caller, DeviceId Device, ConversationId Conversation,
        MessageId Message, Body Body) : IRequest<LogPosition>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() =>
            RuleFor(c => c.Body.Options).NotEmpty().WithMessage("must have at least one index of an option.")
                .OverridePropertyName(Field);
    }

    internal sealed class Handler(MessageOperations operations, MessageViews views)
        : IRequestHandler<Command, LogPosition>
    {
        public async Task<LogPosition> Handle(Command request, CancellationToken cancellationToken)
        {
            var (_, changed) = await operations.DoAsync(
                request.Caller, request.Device, request.Conversation, request.Message,
                async (found, facts) => new ConversationCommand.SetVote(
                    request.Caller, facts, await VoteAsync(request, found, cancellationToken)),
                cancellationToken);
            return changed.Position;
        }

        private async ValueTask<Vote> VoteAsync(
            Command request, TimelineEntry found, CancellationToken cancellationToken)
        {
            var message = found.Message!;
            if (message.Type != MessageType.Poll)
                throw new RefusedException(Refusal.NotAPoll);
            var content = await views.ContentAsync(request.Conversation, message, cancellationToken)
                ?? throw new RefusedException(Refusal.MessageGone);
            var poll = PollChoices.Of(content) ?? throw new RefusedException(Refusal.NotAPoll);
            return poll.FaultOf(request.Body.Options!) is { } fault
                ? throw new ValidationException([new ValidationFailure(Field, fault)])
                : Vote.Of(request.Body.Options!);
        }
    }
}
