using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>Where users want to be woken up.</summary>
public interface IPushSubscriptions
{
    /// <summary>
    /// Adds a subscription. One with the same address is the same subscription when it is the same user's, and is replaced when it is another's: a device
    /// that has changed hands is woken for its new owner only.
    /// </summary>
    /// <param name="address">A hash of where it leads.</param>
    /// <param name="max">How many a user may have; the oldest ones go.</param>
    /// <returns>The subscription's id, and whether it is new.</returns>
    Task<(Guid Id, bool IsNew)> AddAsync(PushSubscription subscription, ReadOnlyMemory<byte> address, int max, CancellationToken cancellationToken);

    /// <summary>A user's subscriptions, oldest first: those of devices that are signed in.</summary>
    Task<IReadOnlyList<PushSubscription>> OfAsync(UserId user, CancellationToken cancellationToken);

    /// <returns>False when there is none of this id.</returns>
    Task<bool> RemoveAsync(UserId user, Guid subscription, CancellationToken cancellationToken);

    /// <summary>Removes all of a user's subscriptions, and what waits to wake them.</summary>
    Task ForgetOwnedAsync(UserId owner, CancellationToken cancellationToken);

    /// <summary>The address is gone for good.</summary>
    Task ForgetAsync(Guid subscription, CancellationToken cancellationToken);

    /// <summary>Takes the user's pending wake-up: a message that is recorded from now on leads to another.</summary>
    /// <returns>When the earliest of the messages that it is about was recorded; null when none is pending.</returns>
    Task<DateTimeOffset?> TakePendingAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>Notes that an attempt begins, so that it is made once however often it is asked for.</summary>
    Task<PushClaim> ClaimAsync(PushTask task, CancellationToken cancellationToken);

    /// <summary>The attempt's outcome is known and taken care of.</summary>
    Task SettleAsync(PushTask task, CancellationToken cancellationToken);
}

/// <param name="Target">Where it leads, sealed: see <see cref="Push.PushTarget"/>.</param>
public sealed record PushSubscription(Guid Id, UserId Owner, DeviceId Device, string Platform, SealedContent Target, DateTimeOffset CreatedAt);

/// <summary>One attempt to wake one subscription.</summary>
/// <param name="Wake">The wake-up it belongs to; later ones have greater ids.</param>
/// <param name="Attempt">From 1 on.</param>
public sealed record PushTask(Guid Subscription, Guid Conversation, Guid Wake, int Attempt);

/// <summary>Whether an attempt may be made.</summary>
public abstract record PushClaim
{
    private PushClaim()
    {
    }

    /// <summary>It may, and nobody else may make it.</summary>
    public sealed record Taken(PushSubscription Subscription) : PushClaim;

    /// <summary>It was begun before, and what came of it is not known: the next one is due.</summary>
    public sealed record Unknown : PushClaim;

    /// <summary>There is nothing to do: it was made, a later wake-up has taken its place, or the subscription is gone.</summary>
    public sealed record Done : PushClaim;
}

/// <summary>Attempts that are to be made, durably.</summary>
public interface IPushQueue
{
    /// <param name="delay">How long it has to wait at least.</param>
    void Add(PushTask task, TimeSpan delay);
}

/// <summary>Wakes a device by its platform's push service. Every message it sends is without content.</summary>
public interface IPushSender
{
    /// <summary><c>webpush</c>, <c>fcm</c> or <c>apns</c>.</summary>
    string Platform { get; }

    /// <param name="payload">JSON, some hundred bytes.</param>
    Task<PushOutcome> SendAsync(Push.PushTarget target, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken);
}

/// <summary>What a push service answered.</summary>
public abstract record PushOutcome
{
    private PushOutcome()
    {
    }

    public sealed record Delivered : PushOutcome;

    /// <summary>The address is gone for good: forget it.</summary>
    public sealed record Gone : PushOutcome;

    /// <summary>Not now.</summary>
    /// <param name="RetryAfter">When the service wants to be asked again; null when it did not say.</param>
    /// <param name="Reason">For the log; without the address.</param>
    public sealed record Later(TimeSpan? RetryAfter, string Reason) : PushOutcome;

    /// <summary>Never, as it stands.</summary>
    /// <param name="Reason">For the log; without the address.</param>
    public sealed record Refused(string Reason) : PushOutcome;
}

/// <summary>What browsers need to know of us before they let us wake them (RFC 8292, section 3.2).</summary>
public interface IVapidKey
{
    /// <summary>The public key as an uncompressed point in base64url; null when this server has none.</summary>
    string? PublicKey { get; }
}

/// <summary>Which addresses may be woken: those in the open, so that nobody can have this server knock on doors that only it can reach.</summary>
public interface IPushAddresses
{
    /// <returns>What is wrong with an address; null when nothing is known against it. It is looked at again whenever it is used.</returns>
    Task<string?> JudgeAsync(Uri address, CancellationToken cancellationToken);
}
