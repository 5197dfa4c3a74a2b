using System.Diagnostics.Metrics;
using ChatCqrs.Application.Ports;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Push;

/// <summary>
/// Attempts once to wake one device. A temporary failure schedules the next attempt with a growing delay, up to
/// <see cref="PushOptions.AttemptsMax"/>.
/// </summary>
public static class SendPush
{
    private static readonly Counter<long> Attempts =
        Telemetry.Meter.CreateCounter<long>("chat.push.attempts", "{attempt}", "Attempts, by platform and outcome.");

    /// <summary>The longest time of one attempt, from the look-up of the name to the end of the answer.</summary>
    public static readonly TimeSpan AttemptMax = TimeSpan.FromSeconds(5);

    public sealed record Command(PushTask Task) : IRequest<Unit>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Task.Attempt).GreaterThanOrEqualTo(1);
    }

    internal sealed class Handler(
        IPushSubscriptions subscriptions, IEnumerable<IPushSender> senders, WakeNeeds needs, IContentSealer sealer,
        IPushQueue queue, AttemptsInFlight inFlight, IOptions<PushOptions> options, TimeProvider clock,
        ILogger<Handler> logger) : IRequestHandler<Command, Unit>
    {
        /// <summary>The least delay of an attempt for which there is no place among those in flight.</summary>
        private static readonly TimeSpan BusyDelay = TimeSpan.FromSeconds(2);

        /// <summary>The longest delay that a service may ask for; beyond it the wake-up is abandoned.</summary>
        private static readonly TimeSpan RetryAfterMax = TimeSpan.FromHours(24);

        public async Task<Unit> Handle(Command request, CancellationToken cancellationToken)
        {
            var task = request.Task;
            var outcome = await subscriptions.ClaimAsync(task, cancellationToken) switch
            {
                PushClaim.Taken taken => await AttemptAsync(task, taken.Subscription, cancellationToken),
                PushClaim.Unknown => new PushOutcome.Later(null, "the attempt was cut off"),
                _ => null,
            };
            if (outcome is not null)
                await FollowAsync(task, outcome, cancellationToken);
            return Unit.Value;
        }

        /// <returns>Null if the attempt is postponed, because too many are in flight.</returns>
        private async Task<PushOutcome?> AttemptAsync(
            PushTask task, PushSubscription subscription, CancellationToken cancellationToken)
        {
            var scope = PushTarget.ScopeOf(subscription.Owner);
            if (await sealer.OpenAsync(scope, subscription.Target, cancellationToken) is not { } bytes)
                return new PushOutcome.Gone();
            var target = PushTarget.FromBytes(bytes.Span);
            var host = target.Endpoint is { } endpoint ? new Uri(endpoint).Authority : subscription.Platform;
            using var place = inFlight.TryEnter(subscription.Id, subscription.Owner, host);
            if (place is null)
            {
                await PostponeAsync(task, cancellationToken);
                return null;
            }

            if (await needs.OfAsync(subscription.Owner, DateTimeOffset.MinValue, cancellationToken) is not { } need)
                return new PushOutcome.Delivered(); // The user has fetched the messages meanwhile.
            if (need.IsHere)
                return new PushOutcome.Later(
                    options.Value.LookAgainAfter,
                    "there is a socket, which may be dead: no device has the message yet");
            var payload = new PushPayload(need.Unread, need.Conversation.Value);
            var outcome = await SendAsync(subscription.Platform, target, payload, cancellationToken);
            Attempts.Add(1, new("platform", subscription.Platform), new("outcome", outcome.GetType().Name));
            return await CountAsync(subscription.Id, outcome, cancellationToken);
        }

        private async Task PostponeAsync(PushTask task, CancellationToken cancellationToken)
        {
            var delay = BusyDelay * (1 + Random.Shared.NextDouble());
            await subscriptions.PostponeAsync(task, clock.GetUtcNow() + delay, cancellationToken);
            await queue.AddAsync(task, delay);
        }

        private async Task<PushOutcome> SendAsync(
            string platform, PushTarget target, PushPayload payload, CancellationToken cancellationToken)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(AttemptMax);
            try
            {
                return await senders.Single(sender => sender.Platform == platform)
                    .SendAsync(target, payload.ToBytes(), limit.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return new PushOutcome.Later(null, "timeout");
            }
        }

        /// <summary>Counts failures in a row; after some, the subscription is paused.</summary>
        private async Task<PushOutcome> CountAsync(
            Guid subscription, PushOutcome outcome, CancellationToken cancellationToken)
        {
            if (outcome is not PushOutcome.Later later)
            {
                await subscriptions.RecoverAsync(subscription, cancellationToken);
                return outcome;
            }

            var now = clock.GetUtcNow();
            var pausedUntil = await subscriptions.FailAsync(
                subscription, options.Value.FailuresMax, now + options.Value.PauseFor, cancellationToken);
            var pause = pausedUntil - now;
            return pause > (later.RetryAfter ?? TimeSpan.Zero) ? later with { RetryAfter = pause } : outcome;
        }

        private async Task FollowAsync(PushTask task, PushOutcome outcome, CancellationToken cancellationToken)
        {
            switch (outcome)
            {
                case PushOutcome.Gone:
                    await subscriptions.ForgetAsync(task.Subscription, cancellationToken);
                    return;
                case PushOutcome.Later later when task.Attempt < options.Value.AttemptsMax
                    && (later.RetryAfter ?? TimeSpan.Zero) <= RetryAfterMax:
                    var delay = DelayAfter(
                        options.Value, task.Attempt, later.RetryAfter, Random.Shared.NextDouble());
                    await queue.AddAsync(task with { Attempt = task.Attempt + 1 }, delay);
                    logger.LogInformation(
                        "Push subscription {Subscription} will be tried again: {Reason}", task.Subscription,
                        later.Reason);
                    break;
                case PushOutcome.Later later:
                    logger.LogWarning(
                        "Push subscription {Subscription} was given up for this time: {Reason}", task.Subscription,
                        later.Reason);
                    break;
                case PushOutcome.Refused refused:
                    logger.LogWarning(
                        "Push subscription {Subscription} cannot be woken: {Reason}", task.Subscription,
                        refused.Reason);
                    break;
            }

            await subscriptions.SettleAsync(task, cancellationToken);
        }
    }

    /// <summary>
    /// The delay before the next attempt: exponential, with up to half as much random jitter, so that simultaneous
    /// failures spread out.
    /// </summary>
    /// <param name="attempt">The number of the failed attempt, from 1.</param>
    /// <param name="retryAfter">The least delay, as the service asks; null for none.</param>
    /// <param name="chance">0 to 1.</param>
    internal static TimeSpan DelayAfter(PushOptions options, int attempt, TimeSpan? retryAfter, double chance)
    {
        var doubled = Math.Min(
            options.RetryFirst.TotalSeconds * Math.Pow(2, attempt - 1), options.RetryMax.TotalSeconds);
        var delay = TimeSpan.FromSeconds(doubled * (1 + (chance / 2)));
        return retryAfter > delay ? retryAfter.Value : delay;
    }
}
