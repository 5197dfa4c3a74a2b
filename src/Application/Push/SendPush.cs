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

    public sealed record Command(PushTask Task) : IRequest<Unit>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Task.Attempt).GreaterThanOrEqualTo(1);
    }

    internal sealed class Handler(
        IPushSubscriptions subscriptions, IEnumerable<IPushSender> senders, WakeNeeds needs, IContentSealer sealer,
        IPushQueue queue, IOptions<PushOptions> options, ILogger<Handler> logger) : IRequestHandler<Command, Unit>
    {
        /// <summary>The longest delay that a service may ask for; beyond it the wake-up is abandoned.</summary>
        private static readonly TimeSpan RetryAfterMax = TimeSpan.FromHours(24);

        public async Task<Unit> Handle(Command request, CancellationToken cancellationToken)
        {
            var task = request.Task;
            var outcome = await subscriptions.ClaimAsync(task, cancellationToken) switch
            {
                PushClaim.Taken taken => await AttemptAsync(taken.Subscription, cancellationToken),
                PushClaim.Unknown => new PushOutcome.Later(null, "the attempt was cut off"),
                _ => null,
            };
            if (outcome is not null)
                await FollowAsync(task, outcome, cancellationToken);
            return Unit.Value;
        }

        private async Task<PushOutcome> AttemptAsync(PushSubscription subscription, CancellationToken cancellationToken)
        {
            if (await needs.OfAsync(subscription.Owner, DateTimeOffset.MinValue, cancellationToken) is not { } need)
                return new PushOutcome.Delivered(); // The user has fetched the messages meanwhile.
            if (need.IsHere)
                return new PushOutcome.Later(
                    options.Value.LookAgainAfter,
                    "there is a socket, which may be dead: no device has the message yet");
            var scope = PushTarget.ScopeOf(subscription.Owner);
            if (await sealer.OpenAsync(scope, subscription.Target, cancellationToken) is not { } target)
                return new PushOutcome.Gone();
            var payload = new PushPayload(need.Unread, need.Conversation.Value).ToBytes();
            var outcome = await senders.Single(sender => sender.Platform == subscription.Platform)
                .SendAsync(PushTarget.FromBytes(target.Span), payload, cancellationToken);
            Attempts.Add(1, new("platform", subscription.Platform), new("outcome", outcome.GetType().Name));
            return outcome;
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
                    queue.Add(task with { Attempt = task.Attempt + 1 }, delay);
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
