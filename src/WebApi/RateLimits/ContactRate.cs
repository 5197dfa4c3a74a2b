using ChatCqrs.Application;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>How many phones a user may look up on this node: counted by the phone, found or not, so that asking for many at once gains nothing.</summary>
internal sealed class ContactRate(IOptions<RateLimitOptions> options, TimeProvider clock)
{
    private readonly TokenBuckets<UserId>? _users = options.Value.Enabled ? new(options.Value.Contacts, clock) : null;

    /// <exception cref="RefusedException">The user has looked up too many.</exception>
    public void Take(UserId user, int phones)
    {
        var retryAfter = TimeSpan.Zero;
        if (_users?.TryTake(user, Math.Clamp(phones, 1, Math.Min(LookUpContacts.PhonesMax, options.Value.Contacts.Burst)), out retryAfter) is false)
            throw new RefusedException(Refusal.RateLimited, retryAfter);
    }
}
