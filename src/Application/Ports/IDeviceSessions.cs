using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Which devices are signed in, on every node at once: a device that is signed out here is out on the others as soon as they hear of it,
/// and at the latest when they reach the store again.
/// </summary>
public interface IDeviceSessions
{
    /// <summary>
    /// A device was signed out, here or on another node. Raised at least once for each, from any thread; handlers are quick and do not throw.
    /// </summary>
    event Action<UserId, DeviceId> Revoked;

    /// <summary>Whether the device is signed in. From memory where possible.</summary>
    /// <exception cref="StoreUnavailableException">It is not known here and the store cannot be reached.</exception>
    ValueTask<bool> IsActiveAsync(DeviceId device, CancellationToken cancellationToken);

    /// <summary>Notes that the device was here just now. Costs nothing: it is written later, at most once a minute.</summary>
    void Touch(DeviceId device);

    /// <summary>Exchanges a refresh token. Of several exchanges of one token exactly one succeeds; every other signs the device out. The same exchange
    /// again, for the same new token, is no other.</summary>
    Task<RotationOutcome> RotateAsync(Rotation rotation, CancellationToken cancellationToken);

    /// <summary>Signs a device of a user out; does nothing when it is signed out already.</summary>
    Task RevokeAsync(UserId user, DeviceId device, CancellationToken cancellationToken);

    /// <summary>Signs all devices of a user out.</summary>
    Task RevokeAllAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>A user's sign-ins that have not ended, oldest first.</summary>
    Task<IReadOnlyList<DeviceSession>> OfAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>When each of a user's devices was last here, to the minute.</summary>
    Task<IReadOnlyDictionary<DeviceId, DateTimeOffset>> LastSeenAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>When each of these users was last here on any device, some seconds behind.</summary>
    /// <returns>Those who ever were, and have an account still.</returns>
    Task<IReadOnlyDictionary<UserId, DateTimeOffset>> LastSeenAsync(IReadOnlyCollection<UserId> users, CancellationToken cancellationToken);
}

/// <param name="LastSeen">To the minute, some seconds behind.</param>
/// <param name="EndsAt">When its refresh token ends if it is not used.</param>
public sealed record DeviceSession(DeviceId Device, DateTimeOffset SignedInAt, DateTimeOffset LastSeen, DateTimeOffset EndsAt);

/// <param name="Old">The hash of the token that is presented. It was made by this server.</param>
/// <param name="New">The hash of the token that takes its place.</param>
public sealed record Rotation(
    DeviceId Device, ReadOnlyMemory<byte> Old, ReadOnlyMemory<byte> New, DateTimeOffset Now, DateTimeOffset ExpiresAt);

/// <summary>What became of an exchange.</summary>
public abstract record RotationOutcome
{
    private RotationOutcome()
    {
    }

    /// <summary>The new token is the device's only one.</summary>
    /// <param name="Phone">The key of the user's phone, see <see cref="IRegistrations"/>.</param>
    public sealed record Rotated(UserId User, PhoneKey Phone) : RotationOutcome;

    /// <summary>The token was used before, so somebody else may have it: the device is signed out now.</summary>
    public sealed record Reused : RotationOutcome;

    /// <summary>The device was signed out before, or the token has expired.</summary>
    public sealed record Ended : RotationOutcome;
}
