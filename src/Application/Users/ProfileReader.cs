using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Application.Users;

/// <summary>Opens the current profiles from the log.</summary>
internal sealed class ProfileReader(UserWriter users, IDirectory directory, IContentSealer sealer)
{
    /// <exception cref="RefusedException">The account does not exist.</exception>
    public async Task<(User User, Profile Profile)> ReadAsync(UserId id, CancellationToken cancellationToken)
    {
        var (user, _) = await users.ReadAsync(id, cancellationToken);
        return (user, await OpenAsync(id, user, cancellationToken));
    }

    /// <exception cref="RefusedException">The account does not exist, or its secret was shredded.</exception>
    public ValueTask<Profile> OpenAsync(UserId id, User user, CancellationToken cancellationToken) =>
        OpenAsync(id, user.Profile, cancellationToken);

    /// <inheritdoc cref="OpenAsync(UserId, User, CancellationToken)"/>
    public async ValueTask<Profile> OpenAsync(UserId id, SealedContent? profile, CancellationToken cancellationToken) =>
        profile is { } content && await sealer.OpenAsync(Profile.ScopeOf(id), content, cancellationToken) is { } bytes
            ? Profile.FromBytes(bytes.Span)
            : throw new RefusedException(Refusal.UserUnknown);

    /// <summary>The names of many users, in few queries; null for users without a name or account.</summary>
    public async Task<IReadOnlyDictionary<UserId, string?>> NamesAsync(
        IReadOnlyCollection<UserId> ids, CancellationToken cancellationToken)
    {
        var known = await directory.ProfilesAsync(ids, cancellationToken);
        await sealer.PrepareAsync(
            known.Select(profile => (Profile.ScopeOf(profile.Key), profile.Value)), cancellationToken);
        var names = new Dictionary<UserId, string?>(ids.Count);
        foreach (var id in ids)
            names[id] = await NameAsync(id, known, cancellationToken);
        return names;
    }

    private async Task<string?> NameAsync(
        UserId user, IReadOnlyDictionary<UserId, SealedContent> known, CancellationToken cancellationToken)
    {
        try
        {
            return known.TryGetValue(user, out var content)
                ? (await OpenAsync(user, content, cancellationToken)).Name
                : (await ReadAsync(user, cancellationToken)).Profile.Name; // Too new for the views.
        }
        catch (RefusedException)
        {
            return null; // The account is erased; its memberships in direct conversations stay.
        }
    }
}
