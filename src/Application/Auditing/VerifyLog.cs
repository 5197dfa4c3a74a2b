using System.Diagnostics;
using System.Diagnostics.Metrics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Auditing;

/// <summary>
/// Compares batches of heads with the event log each night, from the oldest kept one on, and records the result as an
/// event. Sent by the clock every <see cref="Every"/>; each time it works for <see cref="SliceMax"/> at most, so that
/// it takes a part of one core. Where a node is killed, the next slice goes on where the last one ended. A night that
/// is too short records what it has verified, and the next one goes on there.
/// </summary>
public static class VerifyLog
{
    /// <summary>The time from one slice to the next.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    /// <summary>The time of a slice. One that has begun a batch ends it: up to some seconds more.</summary>
    public static readonly TimeSpan SliceMax = TimeSpan.FromSeconds(12);

    /// <summary>The most differing batches that a run names; it ends there.</summary>
    public const int DifferingMax = 100;

    private static readonly Counter<long> Verified = Telemetry.Meter.CreateCounter<long>(
        "chat.audit.verified", "{batch}", "Batches that were compared with the event log, by outcome.");

    public sealed record Command : IRequest<Result>;

    /// <param name="Batches">How many batches were verified in this slice.</param>
    public sealed record Result(int Batches);

    /// <summary>Nothing to validate.</summary>
    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(
        ILogVerification log, AuditWriter writer, IOptions<AuditOptions> options, TimeProvider clock,
        ILogger<Handler> logger) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var last = await log.LastAsync(cancellationToken);
            if (last is { IsFinished: false })
                return await GoOnAsync(last, cancellationToken);
            var now = clock.GetUtcNow();
            if (options.Value.VerifyFor == TimeSpan.Zero || last?.StartedAt >= DueAt(now)
                || await log.NewestAsync(cancellationToken) is not { } newest)
                return new Result(0);
            var after = last is not null && last.Checked < last.Through ? last.Checked : 0;
            return await GoOnAsync(
                new VerificationRun(now, First: 0, after, newest, [], IsFinished: false), cancellationToken);
        }

        private async Task<Result> GoOnAsync(VerificationRun run, CancellationToken cancellationToken)
        {
            var (started, batches, isCutShort) = (Stopwatch.GetTimestamp(), 0, false);
            await foreach (var batch in log.VerifyAsync(run.Checked, run.Through, cancellationToken))
            {
                batches++;
                Verified.Add(1, new KeyValuePair<string, object?>(
                    "outcome", batch.Difference is null ? "equal" : "different"));
                run = run with { First = run.First > 0 ? run.First : batch.Number, Checked = batch.Number };
                if (batch.Difference is not null)
                {
                    logger.LogError("Batch {Batch} differs: {Difference}", batch.Number, batch.Difference);
                    run = run with { Differing = [.. run.Differing, batch.Number] };
                    await log.SaveAsync(run, cancellationToken);
                }

                isCutShort = run.Differing.Count == DifferingMax
                    || clock.GetUtcNow() - run.StartedAt >= options.Value.VerifyFor;
                if (isCutShort || Stopwatch.GetElapsedTime(started) >= SliceMax)
                    break;
            }

            var isAtEnd = isCutShort || Stopwatch.GetElapsedTime(started) < SliceMax;
            if (isAtEnd && run.First > 0)
                await RecordAsync(run, cancellationToken);
            await log.SaveAsync(
                run with { IsFinished = isAtEnd, Checked = isAtEnd && !isCutShort ? run.Through : run.Checked },
                cancellationToken);
            return new Result(batches);
        }

        /// <summary>A node that is killed before it has saved the end records it twice.</summary>
        private Task RecordAsync(VerificationRun run, CancellationToken cancellationToken) => writer.AppendAsync(
            StreamName.Audit,
            now => new AuditEvent.LogVerified(run.First, run.Checked, run.Differing) { At = now },
            Actor.System, cancellationToken);

        /// <summary>The last time that a night began.</summary>
        private DateTimeOffset DueAt(DateTimeOffset now)
        {
            var today = new DateTimeOffset(now.UtcDateTime.Date, TimeSpan.Zero) + options.Value.VerifyAt;
            return today <= now ? today : today.AddDays(-1);
        }
    }
}
