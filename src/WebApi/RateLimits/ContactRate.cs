using ChatCqrs.Application;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// Limits the phones that a user looks up on this node. Each phone counts, found or not, so that one large request
/// gains nothing.
/// </summary>
internal sealed class ContactRate(IOptions<RateLimitOptions> options, TimeProvider clock)
{
    private readonly TokenBuckets<UserId>? _users = options.Value.Enabled ? new(options.Value.Contacts, clock) : null;

    /// <param name="phones">The phones of the request; cut to the most that one request may name.</param>
    /// <exception cref="RefusedException">The user has looked up too many.</exception>
    public void Take(UserId user, int phones)
    {
        var retryAfter = TimeSpan.Zero;
        var count = Math.Clamp(phones, 1, Math.Min(LookUpContacts.PhonesMax, options.Value.Contacts.Burst));
        if (_users?.TryTake(user, count, out retryAfter) is false)
            throw new RefusedException(Refusal.RateLimited, retryAfter);
    }
}
