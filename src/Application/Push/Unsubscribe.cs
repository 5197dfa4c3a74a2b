using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Push;

/// <summary>Removes one of the caller's subscriptions.</summary>
public static class Unsubscribe
{
    public sealed record Command(UserId Caller, string Subscription) : IRequest<Unit>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Subscription).NotEmpty().OverridePropertyName("id");
    }

    internal sealed class Handler(IPushSubscriptions subscriptions) : IRequestHandler<Command, Unit>
    {
        public async Task<Unit> Handle(Command request, CancellationToken cancellationToken) =>
            Uuids.TryParse(request.Subscription, out var id)
                && await subscriptions.RemoveAsync(request.Caller, id, cancellationToken)
                ? Unit.Value
                : throw new RefusedException(Refusal.SubscriptionUnknown);
    }
}
