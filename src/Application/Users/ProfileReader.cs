using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Application.Users;

/// <summary>Opens profiles as the log holds them now.</summary>
internal sealed class ProfileReader(UserWriter users, IDirectory directory, IContentSealer sealer)
{
    /// <exception cref="RefusedException">There is no such account.</exception>
    public async Task<(User User, Profile Profile)> ReadAsync(UserId id, CancellationToken cancellationToken)
    {
        var (user, _) = await users.ReadAsync(id, cancellationToken);
        return (user, await OpenAsync(id, user, cancellationToken));
    }

    /// <exception cref="RefusedException">There is no such account, or its secret was shredded.</exception>
    public ValueTask<Profile> OpenAsync(UserId id, User user, CancellationToken cancellationToken) => OpenAsync(id, user.Profile, cancellationToken);

    /// <inheritdoc cref="OpenAsync(UserId, User, CancellationToken)"/>
    public async ValueTask<Profile> OpenAsync(UserId id, SealedContent? profile, CancellationToken cancellationToken) =>
        profile is { } content && await sealer.OpenAsync(Profile.ScopeOf(id), content, cancellationToken) is { } bytes
            ? Profile.FromBytes(bytes.Span)
            : throw new RefusedException(Refusal.UserUnknown);

    /// <summary>The names of many, in few round trips: null for who goes by none, or is gone.</summary>
    public async Task<IReadOnlyDictionary<UserId, string?>> NamesAsync(IReadOnlyCollection<UserId> ids, CancellationToken cancellationToken)
    {
        var known = await directory.ProfilesAsync(ids, cancellationToken);
        await sealer.PrepareAsync(known.Select(profile => (Profile.ScopeOf(profile.Key), profile.Value)), cancellationToken);
        var names = new Dictionary<UserId, string?>(ids.Count);
        foreach (var id in ids)
            names[id] = await NameAsync(id, known, cancellationToken);
        return names;
    }

    private async Task<string?> NameAsync(UserId user, IReadOnlyDictionary<UserId, SealedContent> known, CancellationToken cancellationToken)
    {
        try
        {
            return known.TryGetValue(user, out var content)
                ? (await OpenAsync(user, content, cancellationToken)).Name
                : (await ReadAsync(user, cancellationToken)).Profile.Name; // So new that the views do not have it yet.
        }
        catch (RefusedException)
        {
            return null; // The account is gone; its messages, and so its membership, are not.
        }
    }
}
