using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>Shows a person whose device has scanned a QR code what asks to be linked.</summary>
public static class ShowDeviceLink
{
    public sealed record Query(string Link) : IRequest<Result>;

    /// <param name="Address">The address that the link was asked for from; null if unknown.</param>
    /// <param name="PublicKey">What the device sent; the code that was scanned has the key, too.</param>
    public sealed record Result(
        string Name, string Platform, bool Ephemeral, string? Address, string? PublicKey, DateTimeOffset RequestedAt);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator() => RuleFor(q => q.Link).NotEmpty().OverridePropertyName("link_id");
    }

    internal sealed class Handler(
        IDeviceLinks links, LinkSeal seal, TimeProvider clock) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var link = Uuids.TryParse(request.Link, out var id) ? await links.FindAsync(id, cancellationToken) : null;
            if (link is null)
                throw new RefusedException(Refusal.LinkUnknown);
            if (!link.IsOpen(clock.GetUtcNow())
                || await seal.OpenRequestAsync(id, link.ExpiresAt, link.Content, cancellationToken) is not { } asked)
                throw new RefusedException(Refusal.LinkSettled);
            return new Result(
                asked.Name, asked.Platform, asked.Ephemeral, asked.Address, asked.PublicKey, link.CreatedAt);
        }
    }
}
