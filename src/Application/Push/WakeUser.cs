using System.Diagnostics.Metrics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Push;

/// <summary>Messages were recorded for a user some moments ago: wakes their devices, unless they have come by themselves.</summary>
public static class WakeUser
{
    private static readonly Counter<long> Woken = Telemetry.Meter.CreateCounter<long>("chat.push.wakeups", "{wakeup}", "Users who were to be woken.");

    /// <summary>How often it is looked whether somebody who is here has what was written to them.</summary>
    private const int LooksMax = 4;

    /// <param name="Wake">The wake-up's id: asked for again, it is the same wake-up.</param>
    /// <param name="Since">When the earliest of the messages that asked for it was recorded.</param>
    /// <param name="Look">How often they were looked at before, and were here.</param>
    public sealed record Command(UserId User, Guid Wake, DateTimeOffset Since, int Look) : IRequest<Result>;

    /// <param name="Subscriptions">How many devices are to be woken.</param>
    /// <param name="LookAgainIn">They have a socket, but not the message: when to ask again; null for never.</param>
    /// <param name="Since">When the earliest of all the messages that it is about was recorded.</param>
    public sealed record Result(int Subscriptions, TimeSpan? LookAgainIn, DateTimeOffset Since);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Wake).NotEmpty();
    }

    internal sealed class Handler(IPushSubscriptions subscriptions, WakeNeeds needs, IPushQueue queue, IOptions<PushOptions> options) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            // What was recorded later may be dated earlier: by a node whose clock is behind, or in an append that took longer.
            var pending = request.Look == 0 ? await subscriptions.TakePendingAsync(request.User, cancellationToken) : null;
            var since = pending < request.Since ? pending.Value : request.Since;
            if (await needs.OfAsync(request.User, since, cancellationToken) is not { } need)
                return new Result(0, null, since);
            if (need.IsHere)
                return new Result(0, request.Look + 1 < LooksMax ? options.Value.LookAgainAfter * Math.Pow(3, request.Look) : null, since);
            var all = await subscriptions.OfAsync(request.User, cancellationToken);
            foreach (var subscription in all)
                queue.Add(new PushTask(subscription.Id, need.Conversation.Value, request.Wake, 1), TimeSpan.Zero);
            Woken.Add(1);
            return new Result(all.Count, null, since);
        }
    }
}
