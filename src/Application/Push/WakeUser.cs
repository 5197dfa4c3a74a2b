using System.Diagnostics.Metrics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Push;

/// <summary>
/// Wakes a user's devices some moments after messages were recorded for them, unless the user has fetched the messages.
/// </summary>
public static class WakeUser
{
    private static readonly Counter<long> Woken =
        Telemetry.Meter.CreateCounter<long>("chat.push.wakeups", "{wakeup}", "Users who were to be woken.");

    /// <summary>The most checks of a user who has a socket.</summary>
    private const int ChecksMax = 4;

    /// <param name="Wake">The wake-up's id; equal for repeated requests of the same wake-up.</param>
    /// <param name="Since">When the earliest of its messages was recorded, UTC.</param>
    /// <param name="Look">The number of earlier checks that found a socket.</param>
    public sealed record Command(UserId User, Guid Wake, DateTimeOffset Since, int Look) : IRequest<Result>;

    /// <param name="Subscriptions">The number of devices to wake.</param>
    /// <param name="LookAgainIn">
    /// The delay until the next check of a user with a socket but without the message; null for none.
    /// </param>
    /// <param name="Since">When the earliest of its messages was recorded, UTC, including those merged into it.</param>
    public sealed record Result(int Subscriptions, TimeSpan? LookAgainIn, DateTimeOffset Since);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Wake).NotEmpty();
    }

    internal sealed class Handler(
        IPushSubscriptions subscriptions, WakeNeeds needs,
        IPushQueue queue, IOptions<PushOptions> options, TimeProvider clock) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            // A message recorded later may carry an earlier time: from a node whose clock is slow, or in an append that
            // took longer.
            var pending = request.Look == 0
                ? await subscriptions.TakePendingAsync(request.User, cancellationToken)
                : null;
            var since = pending < request.Since ? pending.Value : request.Since;
            if (await needs.OfAsync(request.User, since, cancellationToken) is not { } need)
                return new Result(0, null, since);
            if (need.IsHere)
            {
                TimeSpan? again = request.Look + 1 < ChecksMax
                    ? options.Value.LookAgainAfter * Math.Pow(3, request.Look)
                    : null;
                return new Result(0, again, since);
            }

            var all = await subscriptions.OfAsync(request.User, cancellationToken);
            // A server with a larger limit may have left more.
            var wanted = all.TakeLast(options.Value.SubscriptionsMax).ToList();
            var now = clock.GetUtcNow();
            var ids = wanted.Select(subscription => subscription.Id).ToList();
            foreach (var (id, due) in await subscriptions.QueueAsync(ids, request.Wake, now, cancellationToken))
                await queue.AddAsync(new PushTask(id, need.Conversation.Value, request.Wake, 1), due - now);
            Woken.Add(1);
            return new Result(wanted.Count, null, since);
        }
    }
}
