using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Access tokens: JSON Web Tokens (RFC 7519) signed with ES256 (RFC 7518, section 3.4) that say who the caller is for a quarter of an hour.
/// </summary>
public interface IAccessTokens
{
    /// <summary>How long a token is good for.</summary>
    TimeSpan Lifetime { get; }

    /// <summary>The public keys as a JSON Web Key Set (RFC 7517), UTF-8.</summary>
    ReadOnlyMemory<byte> KeySet { get; }

    string Issue(UserId user, DeviceId device, Roles roles);

    /// <summary>
    /// Checks signature, time and whether the device is still signed in. Cheap for a token that was seen before; never throws for a bad token.
    /// </summary>
    /// <exception cref="StoreUnavailableException">Whether the device is signed in is not known here and cannot be asked now.</exception>
    ValueTask<AccessCheck> ValidateAsync(string? token, CancellationToken cancellationToken);
}

/// <summary>Who calls, as an access token says.</summary>
/// <param name="ExpiresAt">When the token ends.</param>
public sealed record AccessPrincipal(UserId User, DeviceId Device, Roles Roles, DateTimeOffset ExpiresAt);

/// <summary>What a check found: exactly one of the two.</summary>
/// <param name="Refusal">Why the token is refused; of kind <see cref="RefusalKind.Unauthenticated"/>.</param>
public readonly record struct AccessCheck(AccessPrincipal? Principal, Refusal? Refusal)
{
    public static implicit operator AccessCheck(AccessPrincipal principal) => new(principal, null);
    public static implicit operator AccessCheck(Refusal refusal) => new(null, refusal);
}

/// <summary>What a user may do beyond their own account.</summary>
[Flags]
public enum Roles
{
    None = 0,
    Admin = 1,
    Auditor = 2,
}
