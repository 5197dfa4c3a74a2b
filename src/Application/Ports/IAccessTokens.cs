using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Access tokens: JSON Web Tokens (RFC 7519) signed with ES256 (RFC 7518, section 3.4) that identify the caller.
/// </summary>
public interface IAccessTokens
{
    /// <summary>How long a token is valid.</summary>
    TimeSpan Lifetime { get; }

    /// <summary>The public keys as a JSON Web Key Set (RFC 7517), UTF-8.</summary>
    ReadOnlyMemory<byte> KeySet { get; }

    /// <summary>Issues a token that is valid for <see cref="Lifetime"/>, with the claims given.</summary>
    /// <param name="generation">
    /// Of the refresh token that it comes with, see <see cref="IDeviceSessions.MarkUsedAsync"/>.
    /// </param>
    string Issue(UserId user, DeviceId device, Roles roles, long generation);

    /// <summary>
    /// Checks the signature, the time, and whether the device is the user's and still signed in. A token checked before
    /// is answered from memory. Bad tokens give a refusal, not an exception. A good one counts as used
    /// (<see cref="IDeviceSessions.MarkUsedAsync"/>) before the check returns, so that whoever lets a caller in by a
    /// token, over HTTP or a socket, has to call nothing else.
    /// </summary>
    /// <exception cref="StoreUnavailableException">
    /// The device's sign-in is not known in memory and the store cannot be reached.
    /// </exception>
    ValueTask<AccessCheck> ValidateAsync(string? token, CancellationToken cancellationToken);
}

/// <summary>The caller, as an access token states.</summary>
/// <param name="ExpiresAt">When the token expires, UTC.</param>
public sealed record AccessPrincipal(UserId User, DeviceId Device, Roles Roles, DateTimeOffset ExpiresAt);

/// <summary>The result of a check: exactly one of the two is set.</summary>
/// <param name="Refusal">The refusal, of kind <see cref="RefusalKind.Unauthenticated"/>.</param>
public readonly record struct AccessCheck(AccessPrincipal? Principal, Refusal? Refusal)
{
    public static implicit operator AccessCheck(AccessPrincipal principal) => new(principal, null);
    public static implicit operator AccessCheck(Refusal refusal) => new(null, refusal);
}

/// <summary>A user's rights beyond their own account.</summary>
[Flags]
public enum Roles
{
    None = 0,
    Admin = 1,
    Auditor = 2,
    Compliance = 4,
}
