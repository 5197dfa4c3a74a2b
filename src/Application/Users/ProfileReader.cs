using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Application.Users;

/// <summary>Opens profiles as the log holds them now.</summary>
internal sealed class ProfileReader(UserWriter users, IContentSealer sealer)
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
}
