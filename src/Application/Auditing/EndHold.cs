using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>Approves a hold, or refuses it and ends it.</summary>
public static class SettleHold
{
    public sealed record Command(UserId Caller, DeviceId Device, string? Hold, SettleMatter.Body Body)
        : IRequest<Result>;

    public sealed record Result(HoldView Hold, LogPosition Position);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Body.Approve).NotNull().WithMessage("must be true or false.")
            .OverridePropertyName("approve");
    }

    internal sealed class Handler(HoldEnds ends) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var (hold, position) = await ends.WriteAsync(
                AuditIds.Hold(request.Hold), new HoldCommand.Settle(request.Caller, request.Body.Approve!.Value),
                new Actor(request.Caller, request.Device), cancellationToken);
            return new Result(HoldView.Of(hold), position);
        }
    }
}

/// <summary>Releases a hold. Content whose own secrets were shredded meanwhile is unreadable from then on.</summary>
public static class ReleaseHold
{
    public sealed record Command(UserId Caller, DeviceId Device, string? Hold) : IRequest<LogPosition>;

    /// <summary>Nothing to validate: an id that is none is unknown.</summary>
    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(HoldEnds ends) : IRequestHandler<Command, LogPosition>
    {
        public async Task<LogPosition> Handle(Command request, CancellationToken cancellationToken) =>
            (await ends.WriteAsync(
                AuditIds.Hold(request.Hold), new HoldCommand.Release(request.Caller),
                new Actor(request.Caller, request.Device), cancellationToken)).Position;
    }
}

/// <summary>Ends what was left half done: scopes of holds that the log has ended, or never had.</summary>
public static class TendHolds
{
    public sealed record Command : IRequest<Result>;

    public sealed record Result(int Ended);

    /// <summary>Nothing to validate.</summary>
    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(AuditWriter writer, IHeld held, HoldEnds ends, TimeProvider clock)
        : IRequestHandler<Command, Result>
    {
        /// <summary>A scope that is older and has no hold in the log never gets one.</summary>
        private static readonly TimeSpan PlacedWithin = TimeSpan.FromMinutes(10);

        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var ended = 0;
            foreach (var scope in await held.ScopesAsync(cancellationToken))
            {
                var hold = await writer.ReadAsync(scope.Hold, cancellationToken);
                var isLeft = hold.Id is null
                    ? clock.GetUtcNow() - scope.PlacedAt > PlacedWithin
                    : !hold.Holds;
                if (!isLeft)
                    continue;
                await ends.EndAsync(scope.Hold, cancellationToken);
                ended++;
            }

            return new Result(ended);
        }
    }
}

/// <summary>Writes decisions about holds, and ends what they keep.</summary>
internal sealed class HoldEnds(AuditWriter writer, IHeld held, IErasures erasures, TimeProvider clock)
{
    /// <summary>The event comes first: if the node dies before the rest, <see cref="TendHolds"/> finishes it.</summary>
    public async Task<(Hold Hold, LogPosition Position)> WriteAsync(
        HoldId id, HoldCommand command, Actor actor, CancellationToken cancellationToken)
    {
        var (hold, position) = await writer.WriteAsync(id, command, actor, cancellationToken);
        if (!hold.Holds)
            await EndAsync(id, cancellationToken);
        return (hold, position);
    }

    /// <summary>Erasures that the hold has limited run again, so that nothing of these users is left.</summary>
    public async Task EndAsync(HoldId id, CancellationToken cancellationToken)
    {
        foreach (var user in await held.EndAsync(id, cancellationToken))
            await erasures.RequestAsync(user, clock.GetUtcNow(), cancellationToken);
    }
}
