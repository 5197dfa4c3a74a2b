using System.Diagnostics.Metrics;
using ChatCqrs.Application.Ports;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Push;

/// <summary>One attempt to wake one device. What fails for now is tried again later, each time after longer, and not for ever.</summary>
public static class SendPush
{
    private static readonly Counter<long> Attempts = Telemetry.Meter.CreateCounter<long>("chat.push.attempts", "{attempt}", "Attempts, by platform and outcome.");

    public sealed record Command(PushTask Task) : IRequest<Unit>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Task.Attempt).GreaterThanOrEqualTo(1);
    }

    internal sealed class Handler(
        IPushSubscriptions subscriptions, IEnumerable<IPushSender> senders, WakeNeeds needs, IContentSealer sealer, IPushQueue queue,
        IOptions<PushOptions> options, ILogger<Handler> logger) : IRequestHandler<Command, Unit>
    {
        /// <summary>A service that asks for more patience is given up on.</summary>
        private static readonly TimeSpan PatienceMax = TimeSpan.FromHours(24);

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
                return new PushOutcome.Delivered(); // They have come by themselves.
            if (need.IsHere)
                return new PushOutcome.Later(options.Value.LookAgainAfter, "there is a socket, which may be dead: no device has the message yet");
            if (await sealer.OpenAsync(PushTarget.ScopeOf(subscription.Owner), subscription.Target, cancellationToken) is not { } target)
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
                case PushOutcome.Later later when task.Attempt < options.Value.AttemptsMax && (later.RetryAfter ?? TimeSpan.Zero) <= PatienceMax:
                    queue.Add(task with { Attempt = task.Attempt + 1 }, DelayAfter(options.Value, task.Attempt, later.RetryAfter, Random.Shared.NextDouble()));
                    logger.LogInformation("Push subscription {Subscription} will be tried again: {Reason}", task.Subscription, later.Reason);
                    break;
                case PushOutcome.Later later:
                    logger.LogWarning("Push subscription {Subscription} was given up for this time: {Reason}", task.Subscription, later.Reason);
                    break;
                case PushOutcome.Refused refused:
                    logger.LogWarning("Push subscription {Subscription} cannot be woken: {Reason}", task.Subscription, refused.Reason);
                    break;
            }

            await subscriptions.SettleAsync(task, cancellationToken);
        }
    }

    /// <summary>Doubling, and up to half as much again by chance, so that what has failed together does not come back together.</summary>
    /// <param name="attempt">The one that failed.</param>
    /// <param name="chance">0 to 1.</param>
    internal static TimeSpan DelayAfter(PushOptions options, int attempt, TimeSpan? retryAfter, double chance)
    {
        var doubled = Math.Min(options.RetryFirst.TotalSeconds * Math.Pow(2, attempt - 1), options.RetryMax.TotalSeconds);
        var delay = TimeSpan.FromSeconds(doubled * (1 + (chance / 2)));
        return retryAfter > delay ? retryAfter.Value : delay;
    }
}
