using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using MediatR;

namespace ChatCqrs.Application.Push;

/// <summary>Lists the caller's subscriptions, oldest first, without their addresses.</summary>
public static class ListSubscriptions
{
    public sealed record Query(UserId Caller) : IRequest<IReadOnlyList<PushSubscription>>;

    internal sealed class Handler(
        IPushSubscriptions subscriptions) : IRequestHandler<Query, IReadOnlyList<PushSubscription>>
    {
        public Task<IReadOnlyList<PushSubscription>> Handle(Query request, CancellationToken cancellationToken) =>
            subscriptions.OfAsync(request.Caller, cancellationToken);
    }
}
