using System.Diagnostics.Metrics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Push;

/// <summary>Messages were recorded for a user some moments ago: wakes their devices, unless they have come by themselves.</summary>
public static class WakeUser
{
    private static readonly Counter<long> Woken = Telemetry.Meter.CreateCounter<long>("chat.push.wakeups", "{wakeup}", "Users who were to be woken.");

    /// <param name="Wake">The wake-up's id: asked for again, it is the same wake-up.</param>
    public sealed record Command(UserId User, Guid Wake) : IRequest<Result>;

    /// <param name="Subscriptions">How many devices are to be woken.</param>
    public sealed record Result(int Subscriptions);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Wake).NotEmpty();
    }

    internal sealed class Handler(IPushSubscriptions subscriptions, WakeNeeds needs, IPushQueue queue) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            await subscriptions.TakePendingAsync(request.User, cancellationToken);
            if (await needs.OfAsync(request.User, cancellationToken) is not { } need)
                return new Result(0);
            var all = await subscriptions.OfAsync(request.User, cancellationToken);
            foreach (var subscription in all)
                queue.Add(new PushTask(subscription.Id, need.Conversation.Value, request.Wake, 1), TimeSpan.Zero);
            Woken.Add(1);
            return new Result(all.Count);
        }
    }
}
