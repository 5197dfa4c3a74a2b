using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Links of new devices, decided once for all nodes in the database's transactions. Secrets are stored as hashes only,
/// what a device says of itself and its tokens sealed.
/// </summary>
public interface IDeviceLinks
{
    /// <summary>Adds a link. However many are added at once, on any node, the limit holds exactly.</summary>
    /// <param name="openMax">The most links that have not ended.</param>
    /// <returns>False if there are so many.</returns>
    Task<bool> AddAsync(NewDeviceLink link, int openMax, CancellationToken cancellationToken);

    /// <returns>Null if there is no such link, or it was deleted.</returns>
    Task<DeviceLink?> FindAsync(Guid link, CancellationToken cancellationToken);

    /// <summary>
    /// Decides who approves a link that is open: of several approvals at once, on any node, exactly one gets it. The
    /// same approval from the same device again gets it again until <see cref="CompleteAsync"/>, so that it can be
    /// repeated after a failure.
    /// </summary>
    /// <returns>Null if the link is not open, or the approving device is signed out.</returns>
    Task<ClaimedDeviceLink?> ClaimAsync(
        Guid link, LinkApproval approval, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Settles a link as approved and signs its device in, in one transaction, and tells all nodes. Repeating the same
    /// sign-in succeeds.
    /// </summary>
    /// <param name="answer">The answer for the new device, sealed.</param>
    /// <param name="keptUntil">How long it can be had at least, UTC.</param>
    /// <returns>
    /// False if the link was settled before, or the user no longer exists; then nobody is signed in.
    /// </returns>
    Task<bool> CompleteAsync(
        Guid link, LinkSignIn signIn, SealedContent answer, DateTimeOffset keptUntil,
        CancellationToken cancellationToken);

    /// <summary>Settles a link as refused and tells all nodes.</summary>
    /// <returns>False if the link is not open.</returns>
    Task<bool> RefuseAsync(Guid link, UserId user, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Approvals that failed half way and were not repeated before a time: their devices may be in the account already,
    /// and never signed in.
    /// </summary>
    /// <param name="limit">The most to return.</param>
    Task<IReadOnlyList<AbandonedLink>> AbandonedAsync(
        DateTimeOffset before, int limit, CancellationToken cancellationToken);

    /// <summary>Deletes links that ended before a time, settled or not.</summary>
    /// <returns>How many; less than <paramref name="limit"/> if none are left.</returns>
    Task<int> DeleteEndedAsync(DateTimeOffset before, int limit, CancellationToken cancellationToken);
}

/// <param name="Device">The id of the device to sign in.</param>
/// <param name="SecretHash">The SHA-256 of the secret by which the new device asks.</param>
/// <param name="Content">What the device says of itself, sealed.</param>
/// <param name="Address">Where it was asked for.</param>
/// <summary>A link that a new device asks for.</summary>
public sealed record NewDeviceLink(
    Guid Id, DeviceId Device, ReadOnlyMemory<byte> SecretHash, SealedContent Content, AddressKey Address,
    DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt);

/// <param name="IsClaimed">Whether a device has approved it, though it may not be settled yet.</param>
/// <param name="Proof">What the approving device sent; null unless it was approved.</param>
/// <param name="Payload">Likewise.</param>
/// <param name="Answer">
/// The sealed answer for the new device; null once one of its tokens was used or they were revoked.
/// </param>
/// <summary>A link as it stands.</summary>
public sealed record DeviceLink(
    Guid Id, ReadOnlyMemory<byte> SecretHash, SealedContent Content, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt,
    bool IsClaimed, LinkOutcome Outcome, ReadOnlyMemory<byte>? Proof, ReadOnlyMemory<byte>? Payload,
    SealedContent? Answer)
{
    public bool IsOpen(DateTimeOffset now) => Outcome == LinkOutcome.None && !IsClaimed && ExpiresAt > now;
}

/// <summary>The outcome of a link.</summary>
public enum LinkOutcome
{
    None,
    Approved,
    Refused,
}

/// <param name="User">Whose device approves.</param>
/// <param name="By">That device.</param>
/// <param name="Proof">32 bytes.</param>
/// <param name="Payload">For the new device; null for none.</param>
/// <summary>An approval of a link.</summary>
public sealed record LinkApproval(UserId User, DeviceId By, ReadOnlyMemory<byte> Proof, ReadOnlyMemory<byte>? Payload);

/// <param name="Device">The device to sign in.</param>
/// <param name="Content">What it says of itself, sealed.</param>
/// <param name="Phone">The key of the approving user's phone.</param>
/// <summary>A link that is being approved.</summary>
public sealed record ClaimedDeviceLink(
    DeviceId Device, SealedContent Content, DateTimeOffset ExpiresAt, PhoneKey Phone);

/// <param name="RefreshToken">The hash of the device's refresh token.</param>
/// <param name="RefreshExpiresAt">When it expires, UTC.</param>
/// <summary>The sign-in of a linked device. Its address is the link's.</summary>
public sealed record LinkSignIn(
    UserId User, DeviceId Device, ReadOnlyMemory<byte> RefreshToken, DateTimeOffset Now,
    DateTimeOffset RefreshExpiresAt);

/// <param name="By">The approving device.</param>
/// <param name="Device">The device that was to be linked.</param>
/// <summary>An approval that was not completed.</summary>
public sealed record AbandonedLink(UserId User, DeviceId By, DeviceId Device);
