using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Application.Users;

/// <summary>Opens the current profiles from the log.</summary>
internal sealed class ProfileReader(
    UserWriter users, IDirectory directory, IContentSealer sealer, IEventStore log, IReadSide readSide)
{
    /// <summary>How long <see cref="ManyAsync"/> waits for the views, where they miss somebody.</summary>
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(1);

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

    /// <summary>
    /// Many profiles from the read models, in two queries at most. Where the views miss a user, they may be behind the
    /// log: then they are asked again once they have what it has now, a second later at most.
    /// </summary>
    /// <returns>Without users who have no account.</returns>
    public async Task<IReadOnlyDictionary<UserId, Profile>> ManyAsync(
        IReadOnlyCollection<UserId> ids, CancellationToken cancellationToken)
    {
        var known = await directory.ProfilesAsync(ids, cancellationToken);
        if (known.Count < ids.Count)
        {
            var head = await log.HeadAsync(cancellationToken);
            if (readSide.Position < head && await readSide.WaitForAsync(head, WaitMax, cancellationToken))
                known = await directory.ProfilesAsync(ids, cancellationToken);
        }

        return await OpenAllAsync(known, cancellationToken);
    }

    /// <summary>The names of many users, in few queries; null for users without a name or account.</summary>
    public async Task<IReadOnlyDictionary<UserId, string?>> NamesAsync(
        IReadOnlyCollection<UserId> ids, CancellationToken cancellationToken) =>
        (await ProfilesAsync(ids, cancellationToken))
            .ToDictionary(profile => profile.Key, profile => profile.Value?.Name);

    /// <summary>The profiles of many users, in few queries; null for users without an account.</summary>
    public async Task<IReadOnlyDictionary<UserId, Profile?>> ProfilesAsync(
        IReadOnlyCollection<UserId> ids, CancellationToken cancellationToken)
    {
        if (ids.Count == 0)
            return new Dictionary<UserId, Profile?>();
        var known = await directory.ProfilesAsync(ids, cancellationToken);
        var opened = await OpenAllAsync(known, cancellationToken);
        var profiles = new Dictionary<UserId, Profile?>(ids.Count);
        foreach (var id in ids)
        {
            profiles[id] = known.ContainsKey(id)
                ? opened.GetValueOrDefault(id)
                : await NewAsync(id, cancellationToken);
        }

        return profiles;
    }

    /// <summary>Opens profiles of the views. An erased account has none, even before its key is shredded.</summary>
    private async Task<Dictionary<UserId, Profile>> OpenAllAsync(
        IReadOnlyDictionary<UserId, SealedContent> known, CancellationToken cancellationToken)
    {
        var kept = known.Where(profile => !profile.Value.Bytes.IsEmpty).ToList();
        await sealer.PrepareAsync(
            kept.Select(profile => (Profile.ScopeOf(profile.Key), profile.Value)), cancellationToken);
        var profiles = new Dictionary<UserId, Profile>(kept.Count);
        foreach (var (user, content) in kept)
        {
            if (await sealer.OpenAsync(Profile.ScopeOf(user), content, cancellationToken) is { } bytes)
                profiles[user] = Profile.FromBytes(bytes.Span);
        }

        return profiles;
    }

    /// <summary>The profile of a user who is too new for the views.</summary>
    private async Task<Profile?> NewAsync(UserId user, CancellationToken cancellationToken)
    {
        try
        {
            return (await ReadAsync(user, cancellationToken)).Profile;
        }
        catch (RefusedException)
        {
            return null; // The account is erased; its memberships in direct conversations stay.
        }
    }
}
