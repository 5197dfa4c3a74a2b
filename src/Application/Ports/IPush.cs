using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>Users' push subscriptions and their pending wake-ups.</summary>
public interface IPushSubscriptions
{
    /// <summary>
    /// Adds a subscription. A subscription of the same user with the same address is kept. Those of other users stay,
    /// since an address proves nothing, unless they show the same secret: then the browser has changed hands and wakes
    /// only its new owner.
    /// </summary>
    /// <param name="address">A hash of the address.</param>
    /// <param name="secret">
    /// A hash of the address and the secret that the browser made for it; null for platforms without one.
    /// </param>
    /// <param name="max">The most subscriptions of a user; the oldest ones are removed.</param>
    /// <returns>The subscription's id, and whether it is new.</returns>
    Task<(Guid Id, bool IsNew)> AddAsync(
        PushSubscription subscription, ReadOnlyMemory<byte> address, byte[]? secret, int max,
        CancellationToken cancellationToken);

    /// <summary>A user's subscriptions on signed-in devices, oldest first.</summary>
    Task<IReadOnlyList<PushSubscription>> OfAsync(UserId user, CancellationToken cancellationToken);

    /// <returns>False if the user has no subscription with this id.</returns>
    Task<bool> RemoveAsync(UserId user, Guid subscription, CancellationToken cancellationToken);

    /// <summary>Removes all of a user's subscriptions and pending wake-ups.</summary>
    Task ForgetOwnedAsync(UserId owner, CancellationToken cancellationToken);

    /// <summary>Removes a subscription whose address is gone for good.</summary>
    Task ForgetAsync(Guid subscription, CancellationToken cancellationToken);

    /// <summary>Takes the user's pending wake-up. Messages recorded later create another one.</summary>
    /// <returns>When its earliest message was recorded, UTC; null if none is pending.</returns>
    Task<DateTimeOffset?> TakePendingAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>
    /// Notes that the first attempts of a wake-up are queued. A subscription whose queued attempt has not begun gets no
    /// second one; the note of an attempt that is overdue for ten minutes counts no more.
    /// </summary>
    /// <param name="wake">The same wake-up again gets the same answer.</param>
    /// <returns>The subscriptions to queue, and when: a paused one after its pause.</returns>
    Task<IReadOnlyList<(Guid Subscription, DateTimeOffset Due)>> QueueAsync(
        IReadOnlyCollection<Guid> subscriptions, Guid wake, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Gives a claimed attempt back, which then counts as queued.</summary>
    /// <param name="due">When it will be claimed again.</param>
    Task PostponeAsync(PushTask task, DateTimeOffset due, CancellationToken cancellationToken);

    /// <summary>Counts an attempt that the push service did not answer, or answered with a failure.</summary>
    /// <param name="max">The failures in a row after which the subscription is paused.</param>
    /// <param name="pauseUntil">The end of a pause that begins now.</param>
    /// <returns>The end of the pause; null if there is none.</returns>
    Task<DateTimeOffset?> FailAsync(
        Guid subscription, int max, DateTimeOffset pauseUntil, CancellationToken cancellationToken);

    /// <summary>Ends the row of failures.</summary>
    Task RecoverAsync(Guid subscription, CancellationToken cancellationToken);

    /// <summary>Claims an attempt, so that it is made once however often it is requested.</summary>
    Task<PushClaim> ClaimAsync(PushTask task, CancellationToken cancellationToken);

    /// <summary>Records that the attempt's outcome is known and handled.</summary>
    Task SettleAsync(PushTask task, CancellationToken cancellationToken);
}

/// <param name="Target">The address, sealed; see <see cref="PushTarget"/>.</param>
/// <param name="Platform">See <see cref="IPushSender.Platform"/>.</param>
/// <summary>A user's push subscription on one device.</summary>
public sealed record PushSubscription(
    Guid Id, UserId Owner, DeviceId Device, string Platform, SealedContent Target, DateTimeOffset CreatedAt);

/// <summary>One attempt to wake one subscription.</summary>
/// <param name="Wake">The wake-up to which it belongs; later ones have greater ids.</param>
/// <param name="Attempt">The attempt's number, from 1.</param>
public sealed record PushTask(Guid Subscription, Guid Conversation, Guid Wake, int Attempt);

/// <summary>The result of claiming an attempt.</summary>
public abstract record PushClaim
{
    private PushClaim()
    {
    }

    /// <summary>The caller alone may make the attempt.</summary>
    public sealed record Taken(PushSubscription Subscription) : PushClaim;

    /// <summary>The attempt was begun before and its outcome is unknown: the next attempt is due.</summary>
    public sealed record Unknown : PushClaim;

    /// <summary>
    /// Nothing to do: the attempt was made, a later wake-up replaced it, or the subscription is gone.
    /// </summary>
    public sealed record Done : PushClaim;
}

/// <summary>The durable queue of attempts.</summary>
public interface IPushQueue
{
    /// <param name="delay">The minimum delay.</param>
    Task AddAsync(PushTask task, TimeSpan delay);
}

/// <summary>Wakes a device through its platform's push service. Notifications carry no content.</summary>
public interface IPushSender
{
    /// <summary><c>webpush</c>, <c>fcm</c> or <c>apns</c>.</summary>
    string Platform { get; }

    /// <summary>Whether this server has the credentials to send.</summary>
    bool IsReady { get; }

    /// <param name="payload">JSON, a few hundred bytes.</param>
    Task<PushOutcome> SendAsync(
        PushTarget target, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken);
}

/// <summary>A push service's answer.</summary>
public abstract record PushOutcome
{
    private PushOutcome()
    {
    }

    public sealed record Delivered : PushOutcome;

    /// <summary>The address is gone for good: remove the subscription.</summary>
    public sealed record Gone : PushOutcome;

    /// <summary>A temporary failure.</summary>
    /// <param name="RetryAfter">The delay that the service asks for; null if unstated.</param>
    /// <param name="Reason">For the server's log; must not contain the address.</param>
    public sealed record Later(TimeSpan? RetryAfter, string Reason) : PushOutcome;

    /// <summary>A permanent failure of this request.</summary>
    /// <param name="Reason">For the server's log; must not contain the address.</param>
    public sealed record Refused(string Reason) : PushOutcome;
}

/// <summary>The server's VAPID key, which browsers need to subscribe (RFC 8292, section 3.2).</summary>
public interface IVapidKey
{
    /// <summary>The public key as an uncompressed point in base64url; null if the server has none.</summary>
    string? PublicKey { get; }
}

/// <summary>
/// Decides which addresses may be called: public ones only, so that no user can make the server call its private
/// network.
/// </summary>
public interface IPushAddresses
{
    /// <summary>Judges an address by its text. Names are resolved, and their addresses checked, at every use.</summary>
    /// <returns>What is wrong with the address; null if nothing is known against it.</returns>
    string? Judge(Uri address);
}
