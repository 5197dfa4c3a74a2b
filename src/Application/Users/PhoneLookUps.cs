using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Finds accounts by phone: the only way to do so. Each phone that a user tries takes a token of
/// <c>RateLimits:Contacts</c> before it is looked up, whether somebody has it or not, so a refusal says nothing about
/// the phone. Counted a node.
/// </summary>
internal sealed class PhoneLookUps(
    IRegistrations registrations, AccountSecrets secrets, IOptions<RateLimitOptions> options, TimeProvider clock)
{
    /// <summary>The most pairs of a user and a phone that they found, on one node.</summary>
    private const int FoundMax = 100_000;

    private readonly TokenBuckets<UserId>? _users = options.Value.Enabled ? new(options.Value.Contacts, clock) : null;
    private readonly RecentlyUsed<(UserId By, PhoneKey Phone), byte> _found = new(FoundMax);

    /// <summary>
    /// Finds the user of one phone. A phone that the same user found before costs nothing: whoever writes to a partner
    /// by phone is not limited. That they have a conversation is not enough, or the phone of somebody who is known by
    /// id only could be tried without a limit.
    /// </summary>
    /// <param name="phone">In E.164 form.</param>
    /// <returns>Null if nobody has this phone.</returns>
    /// <exception cref="RefusedException">The user has tried too many phones.</exception>
    public async Task<UserId?> FindAsync(UserId by, string phone, CancellationToken cancellationToken)
    {
        var key = await secrets.PhoneKeyAsync(phone, cancellationToken);
        if (!_found.TryGet((by, key), out _))
            Take(by, 1);
        var user = await registrations.FindPhoneAsync(key, cancellationToken);
        if (user is not null)
            _found.Set((by, key), 0);
        return user;
    }

    /// <summary>Finds the users of many phones at once. Each phone counts, also one that was found before.</summary>
    /// <param name="phones">In E.164 form, each once.</param>
    /// <returns>The phones that somebody has, with their users.</returns>
    /// <exception cref="RefusedException">
    /// The user has tried too many phones: then none of these is looked up.
    /// </exception>
    public async Task<IReadOnlyDictionary<string, UserId>> FindAsync(
        UserId by, IReadOnlyCollection<string> phones, CancellationToken cancellationToken)
    {
        if (phones.Count == 0)
            return new Dictionary<string, UserId>();
        Take(by, phones.Count);
        var keys = new Dictionary<string, PhoneKey>(phones.Count);
        foreach (var phone in phones)
            keys[phone] = await secrets.PhoneKeyAsync(phone, cancellationToken);
        var found = await registrations.FindPhonesAsync([.. keys.Values], cancellationToken);
        foreach (var phone in found.Keys)
            _found.Set((by, phone), 0);
        return keys.Where(key => found.ContainsKey(key.Value)).ToDictionary(key => key.Key, key => found[key.Value]);
    }

    /// <param name="phones">Cut to the burst, so that a whole request is possible once in a while.</param>
    private void Take(UserId by, int phones)
    {
        var retryAfter = TimeSpan.Zero;
        if (_users?.TryTake(by, Math.Min(phones, options.Value.Contacts.Burst), out retryAfter) is false)
            throw new RefusedException(Refusal.RateLimited, retryAfter);
    }
}
