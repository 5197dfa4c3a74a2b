using System.Diagnostics;
using System.Diagnostics.Metrics;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Retention;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Retention;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Sweeping;

/// <summary>
/// Expires due messages: shreds the keys of ended buckets, appends expiries to conversations, from which the views
/// remove the messages, truncates streams, and narrows what stays. Works in bounded steps and may stop after any: the
/// next run, on any node, finds the rest. Repeating is safe.
/// </summary>
public static class SweepMessages
{
    private static readonly Counter<long> Expired =
        Telemetry.Meter.CreateCounter<long>("chat.retention.expired", "{message}", "Messages that went.");
    private static readonly Counter<long> Shredded =
        Telemetry.Meter.CreateCounter<long>("chat.retention.shredded", "{key}", "Keys of buckets that were shredded.");
    private static readonly Histogram<double> Duration =
        Telemetry.Meter.CreateHistogram<double>("chat.retention.sweep.duration", "s", "Time of one sweep.");

    public sealed record Command : IRequest<Result>;

    /// <param name="Messages">The number of messages expired.</param>
    /// <param name="Keys">The number of keys shredded.</param>
    /// <param name="Logs">The number of conversations truncated.</param>
    public sealed record Result(int Messages, int Keys, int Logs);

    /// <summary>Nothing to validate.</summary>
    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(
        IExpiry expiry, Shredding shredding, IConversationWriter conversations, IReadSide readSide,
        LogTrimmer trimmer, RowTrimmer rows, ClockGuard guard, IOptions<RetentionOptions> options,
        TimeProvider clock, ILogger<Handler> logger) : IRequestHandler<Command, Result>
    {
        /// <summary>The most messages in one step; their conversations are decided concurrently.</summary>
        private const int StepMax = 500;

        /// <summary>
        /// The most conversations in one step. Each needs its state, which a cold one reads from a snapshot.
        /// </summary>
        private const int ConversationsMax = 200;

        /// <summary>The conversations that one sweep passes over because nothing goes there, at most.</summary>
        private const int StuckMax = 1_000;

        private const int KeysMax = 200;

        /// <summary>How long to wait for the views to apply a step, before the sweep is abandoned.</summary>
        private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(30);

        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            if (guard.Problem is { } problem)
                throw new StoreUnavailableException(problem); // What is due by a wrong clock may not be.
            var started = Stopwatch.GetTimestamp();
            var parts = new SweepParts(logger);
            var keys = await parts.RunAsync("shredding of keys", () => ShredAsync(cancellationToken));
            await parts.RunAsync("shortening of times", () => rows.ShortenAsync(cancellationToken));
            var messages = await parts.RunAsync("expiry", () => ExpireAsync(cancellationToken));
            if (options.Value.DeleteWhenDelivered)
                messages += await parts.RunAsync("expiry on delivery", () => DeleteDeliveredAsync(cancellationToken));
            await parts.RunAsync("deletion of receipts", () => rows.TrimReceiptsAsync(cancellationToken));
            var logs = await parts.RunAsync("truncation of logs", () => trimmer.TrimAsync(cancellationToken));
            await parts.RunAsync("moving of gone messages", () => rows.MoveGoneAsync(cancellationToken));
            Duration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
            parts.ThrowFailure();
            if (messages > 0 || keys > 0)
                logger.LogInformation(
                    "Swept {Messages} messages and {Keys} keys; {Logs} conversations' logs are shorter.", messages,
                    keys, logs);
            return new Result(messages, keys, logs);
        }

        private async Task<int> ShredAsync(CancellationToken cancellationToken)
        {
            var all = 0;
            int done;
            do
            {
                done = await shredding.ShredEndedAsync(clock.GetUtcNow(), KeysMax, cancellationToken);
                all += done;
            }
            while (done == KeysMax);
            Shredded.Add(all);
            return all;
        }

        private async Task<int> ExpireAsync(CancellationToken cancellationToken)
        {
            var stuck = new HashSet<ConversationId>();
            for (var all = 0; ;)
            {
                var due = await expiry.DueAsync(clock.GetUtcNow(), stuck, StepMax, cancellationToken);
                if (due.Count == 0)
                    return all;
                all += await ExpireAllAsync(
                    [.. due.Take(ConversationsMax)], ExpiryReason.Expired, stuck, cancellationToken);
                if (stuck.Count >= StuckMax)
                    return all;
            }
        }

        private async Task<int> DeleteDeliveredAsync(CancellationToken cancellationToken)
        {
            ConversationId? last = null;
            var stuck = new HashSet<ConversationId>();
            for (var all = 0; ;)
            {
                var delivered = await expiry.DeliveredAsync(last, stuck, ConversationsMax, StepMax, cancellationToken);
                all += await ExpireAllAsync(delivered.Found, ExpiryReason.Delivered, stuck, cancellationToken);
                if (delivered.IsCut)
                    continue;
                if (delivered.Last is null)
                    return all;
                last = delivered.Last;
                stuck.Clear();
            }
        }

        /// <summary>
        /// Appends the expiries and waits until the views have applied them, so that the next query finds other
        /// messages.
        /// </summary>
        /// <param name="stuck">
        /// Gets the conversations where nothing went: they fail, another node sweeps them, or the views lag. The next
        /// query must leave them out, or it finds the same again and others never have their turn.
        /// </param>
        private async Task<int> ExpireAllAsync(
            IReadOnlyList<DueMessages> due, ExpiryReason reason, HashSet<ConversationId> stuck,
            CancellationToken cancellationToken)
        {
            if (due.Count == 0)
                return 0;
            var started = clock.GetTimestamp();
            var origin = new Origin(Actor.System, Activity.Current?.TraceId.ToHexString(), null);
            var attempts = await Task.WhenAll(due.Select(item => ExpireAsync(item, reason, origin, cancellationToken)));
            stuck.UnionWith(due.Where((_, n) => Gone(attempts[n]) == 0).Select(item => item.Conversation));
            var changes = attempts.OfType<Changed>().ToList();
            if (changes.Count == 0)
                return 0;
            var gone = changes.Sum(Gone);
            Expired.Add(gone);
            var position = changes.Max(change => change.Position);
            if (!await readSide.WaitForAsync(position, WaitMax, cancellationToken))
                throw new StoreUnavailableException("The read models are too far behind for the sweep to go on.");
            await Throttle.PauseAsync(started, clock, cancellationToken);
            return gone;
        }

        private static int Gone(Changed? change) =>
            change?.Events.OfType<ConversationEvent.MessagesExpired>().Sum(expired => expired.Messages.Length) ?? 0;

        /// <returns>Null on failure, which must not delay other conversations.</returns>
        private async Task<Changed?> ExpireAsync(
            DueMessages due, ExpiryReason reason, Origin origin, CancellationToken cancellationToken)
        {
            try
            {
                return await conversations.ChangeAsync(
                    due.Conversation, new ConversationCommand.ExpireMessages(due.Messages, reason, due.AsOf), origin,
                    cancellationToken);
            }
            catch (Exception exception)
                when (exception is not (StoreUnavailableException or OperationCanceledException))
            {
                logger.LogError(
                    exception, "Messages of {Conversation} are due and could not be let go; it is tried again.",
                    due.Conversation);
                return null;
            }
        }
    }
}
