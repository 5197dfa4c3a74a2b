using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>
/// Recovers the published entries of the signed logs after a database restore. The request is recorded in the event log
/// first. Running it again does nothing.
/// </summary>
public static class RecoverLogs
{
    /// <summary>How often a plan is made anew because a log has changed meanwhile.</summary>
    private const int TriesMax = 5;

    public sealed record Command(UserId Caller, DeviceId Device) : IRequest<Result>;

    /// <param name="Outcome">
    /// <c>current</c>: there was nothing to do; <c>restored</c> from the mirror; <c>continued</c> by new logs.
    /// </param>
    public sealed record Result(string Outcome, Log Heads, Log Keys);

    /// <summary>One of the two logs.</summary>
    /// <param name="Origin">Its name.</param>
    /// <param name="SizeBefore">The entries that the database had.</param>
    /// <param name="Published">The entries that are known to have been published before.</param>
    /// <param name="Size">The entries that it has now.</param>
    public sealed record Log(string? Origin, long SizeBefore, long Published, long Size);

    /// <summary>Nothing to validate.</summary>
    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(IAuditRecovery recovery, AuditWriter writer) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            for (var tried = 1; ; tried++)
            {
                var plan = await recovery.PlanAsync(cancellationToken);
                if (plan.Kind == RecoveryKind.None)
                    return await ResultAsync("current", plan, cancellationToken);
                var how = plan.Kind == RecoveryKind.Restored ? "restored" : "continued";
                await writer.AppendAsync(
                    StreamName.Audit,
                    now => new AuditEvent.LogRecovered(
                        request.Caller, how, plan.Heads.Size, plan.Heads.Published, plan.Keys.Size,
                        plan.Keys.Published)
                    { At = now },
                    new Actor(request.Caller, request.Device), cancellationToken);
                if (await recovery.RunAsync(plan, cancellationToken))
                    return await ResultAsync(how, plan, cancellationToken);
                if (tried == TriesMax)
                    throw new StoreUnavailableException("The logs change while they are recovered.");
            }
        }

        private async Task<Result> ResultAsync(string outcome, RecoveryPlan plan, CancellationToken cancellationToken)
        {
            var (heads, keys) = await recovery.LogsAsync(cancellationToken);
            return new Result(outcome, Of(plan.Heads, heads), Of(plan.Keys, keys));
        }

        private static Log Of(PlannedLog before, RecoveredLog now) =>
            new(now.Origin, before.Size, before.Published, now.Size);
    }
}
