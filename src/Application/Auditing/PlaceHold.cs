using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using FluentValidation;
using FluentValidation.Results;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Auditing;

/// <summary>Places a hold, which holds from then on. Somebody else approves it, or refuses it and ends it.</summary>
public static class PlaceHold
{
    /// <summary>The body of <c>POST /v1/audit/holds</c>.</summary>
    public sealed record Body : ScopeBody
    {
        /// <summary>The matter that it belongs to, whose scope it has where it names none of its own.</summary>
        public string? MatterId { get; init; }

        /// <summary>When somebody should ask whether it is still needed: in the future.</summary>
        public DateTimeOffset? ReviewAt { get; init; }
    }

    public sealed record Command(UserId Caller, DeviceId Device, Body Body) : IRequest<Result>;

    public sealed record Result(HoldView Hold, LogPosition Position);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Body.ReviewAt).NotNull().WithMessage("must say when the hold is to be reviewed.")
                .OverridePropertyName("review_at");
            RuleFor(c => c.Body).Must(body => body.MatterId is not null || !body.NamesNothing)
                .WithMessage("must name conversations, or user_ids must name users.")
                .OverridePropertyName("conversation_ids");
            ScopeBody.AddRules(this, c => c.Body);
        }
    }

    internal sealed class Handler(
        AuditWriter writer, IHeld held, IOptions<AuditOptions> options, TimeProvider clock)
        : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var (now, body) = (clock.GetUtcNow(), request.Body);
            if (body.ReviewAt <= now)
                throw new ValidationException([new ValidationFailure("review_at", "must be in the future.")]);
            var matter = await MatterAsync(body.MatterId, cancellationToken);
            var scope = body.NamesNothing ? matter!.Scope : body.Scope;
            var id = new HoldId(Guid.CreateVersion7(now));
            var command = new HoldCommand.Place(
                id, request.Caller, matter?.Id, scope, body.Reason!, body.ReviewAt!.Value,
                options.Value.Approval == AuditOptions.None);

            // In force first: a node that dies in between leaves a scope without a hold, which TendHolds ends.
            await using var placing = await held.LockForPlacingAsync(cancellationToken);
            await held.PlaceAsync(new HeldScope(id, scope, now), cancellationToken);
            var (hold, position) = await writer.WriteAsync(
                id, command, new Actor(request.Caller, request.Device), cancellationToken);
            return new Result(HoldView.Of(hold), position);
        }

        private async Task<Matter?> MatterAsync(string? text, CancellationToken cancellationToken)
        {
            if (text is null)
                return null;
            var matter = await writer.ReadAsync(AuditIds.Matter(text), cancellationToken);
            return matter.Id is null ? throw new RefusedException(Refusal.MatterUnknown) : matter;
        }
    }
}
