using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// The signed-in devices, on all nodes. A sign-out on one node reaches the others through a notice, at the latest when
/// they reach the store again.
/// </summary>
public interface IDeviceSessions
{
    /// <summary>
    /// Raised when a device is signed out, on any node: at least once each, on any thread. Handlers must be quick and
    /// must not throw.
    /// </summary>
    event Action<UserId, DeviceId> Revoked;

    /// <summary>
    /// Whether the device is signed in, and belongs to this user. Answered from memory where possible.
    /// </summary>
    /// <exception cref="StoreUnavailableException">Memory does not know and the store cannot be reached.</exception>
    ValueTask<bool> IsActiveAsync(UserId user, DeviceId device, CancellationToken cancellationToken);

    /// <summary>
    /// Notes that the device is in use. Only memory is touched; the store is written later, at most once a minute.
    /// </summary>
    void Touch(DeviceId device);

    /// <summary>
    /// Notes that an access token of this generation was used. A device's tokens are counted in generations: the
    /// sign-in's are generation 0, those of each exchange one more. From then on <see cref="RotateAsync"/> repeats no
    /// exchange that led to the generation, and a sign-in is answered no more than once. On return it is stored, and
    /// the store is asked once a generation and node; unless the store does not answer within two seconds: then it is
    /// stored some seconds after it is back.
    /// </summary>
    ValueTask MarkUsedAsync(DeviceId device, long generation, CancellationToken cancellationToken);

    /// <summary>
    /// Exchanges a refresh token. A repeat, with the same old and new token, succeeds until a token of the new
    /// generation was used. Any other exchange of a token that is not the device's newest signs the device out.
    /// </summary>
    Task<RotationOutcome> RotateAsync(Rotation rotation, CancellationToken cancellationToken);

    /// <summary>Signs a user's device out; does nothing if it is signed out already.</summary>
    Task RevokeAsync(UserId user, DeviceId device, CancellationToken cancellationToken);

    /// <summary>Signs all of a user's devices out.</summary>
    Task RevokeAllAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>A user's sign-ins that have not ended, oldest first.</summary>
    Task<IReadOnlyList<DeviceSession>> OfAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>When each of a user's devices was last in use, to the minute.</summary>
    Task<IReadOnlyDictionary<DeviceId, DateTimeOffset>> LastSeenAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>When each user last used any device, some seconds behind.</summary>
    /// <returns>The users who ever did and whose accounts exist.</returns>
    Task<IReadOnlyDictionary<UserId, DateTimeOffset>> LastSeenAsync(
        IReadOnlyCollection<UserId> users, CancellationToken cancellationToken);
}

/// <param name="LastSeen">Last use, UTC, to the minute and some seconds behind.</param>
/// <param name="EndsAt">When its refresh token expires if unused, UTC.</param>
/// <summary>A device's sign-in.</summary>
public sealed record DeviceSession(
    DeviceId Device, DateTimeOffset SignedInAt, DateTimeOffset LastSeen, DateTimeOffset EndsAt);

/// <param name="Old">The hash of the presented token. The token was issued by this server.</param>
/// <param name="New">The hash of its replacement: always the same for the same old token.</param>
/// <param name="Now">The time of the exchange, UTC.</param>
/// <param name="ExpiresAt">When the replacement expires, UTC.</param>
/// <summary>The exchange of a refresh token for a new one.</summary>
public sealed record Rotation(
    DeviceId Device, ReadOnlyMemory<byte> Old, ReadOnlyMemory<byte> New, DateTimeOffset Now, DateTimeOffset ExpiresAt);

/// <summary>The outcome of an exchange.</summary>
public abstract record RotationOutcome
{
    private RotationOutcome()
    {
    }

    /// <summary>The new token is now the device's only one.</summary>
    /// <param name="Phone">The key of the user's phone, see <see cref="IRegistrations"/>.</param>
    /// <param name="Generation">Of the new token.</param>
    public sealed record Rotated(UserId User, PhoneKey Phone, long Generation) : RotationOutcome;

    /// <summary>
    /// The token was exchanged before and its successor used, so somebody else may have it. The device is now signed
    /// out.
    /// </summary>
    public sealed record Reused : RotationOutcome;

    /// <summary>The device was signed out before, or the token has expired.</summary>
    public sealed record Ended : RotationOutcome;
}
