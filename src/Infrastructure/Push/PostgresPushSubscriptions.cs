using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Reacting;
using Npgsql;

namespace ChatCqrs.Infrastructure.Push;

/// <inheritdoc cref="IPushSubscriptions"/>
internal sealed class PostgresPushSubscriptions(NpgsqlDataSource database, ReactionSignal signal) : IPushSubscriptions
{
    private const string Columns = "s.id, s.user_id, s.device_id, s.platform, s.target, s.created_at";

    /// <summary>After this time a queued attempt counts as lost.</summary>
    private static readonly TimeSpan OverdueMax = TimeSpan.FromMinutes(10);

    public async Task<(Guid Id, bool IsNew)> AddAsync(
        PushSubscription subscription, ReadOnlyMemory<byte> address, byte[]? secret, int max,
        CancellationToken cancellationToken)
    {
        var ids = await database.QueryAsync(
            """
            WITH moved AS (DELETE FROM push_subscriptions WHERE secret = $8 AND user_id <> $2)
            INSERT INTO push_subscriptions AS s (id, user_id, device_id, platform, address, target, created_at, secret)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (user_id, address) DO UPDATE SET
                device_id = excluded.device_id, target = excluded.target, secret = excluded.secret
            RETURNING id
            """,
            row => row.GetGuid(0), cancellationToken,
            subscription.Id, subscription.Owner.Value, subscription.Device.Value, subscription.Platform,
            address.ToArray(), subscription.Target.Bytes.ToArray(), subscription.CreatedAt,
            (object?)secret ?? DBNull.Value);
        // Locked in the order of ids: who else removes some of them at the same time waits, and no deadlock arises.
        await database.ExecuteAsync(
            """
            DELETE FROM push_subscriptions WHERE id IN (
                SELECT id FROM push_subscriptions WHERE id IN (
                    SELECT id FROM push_subscriptions WHERE user_id = $1 ORDER BY created_at DESC, id OFFSET $2)
                ORDER BY id FOR UPDATE)
            """,
            cancellationToken, subscription.Owner.Value, max);
        signal.Raise();
        var id = ids.Single();
        return (id, id == subscription.Id);
    }

    public async Task<IReadOnlyList<PushSubscription>> OfAsync(UserId user, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            $"""
            SELECT {Columns} FROM push_subscriptions s
            JOIN device_sessions d ON d.device_id = s.device_id AND d.revoked_at IS NULL
            WHERE s.user_id = $1 ORDER BY s.created_at, s.id
            """,
            Read, cancellationToken, user.Value);

    public async Task<bool> RemoveAsync(UserId user, Guid subscription, CancellationToken cancellationToken) =>
        await database.ExecuteAsync(
            "DELETE FROM push_subscriptions WHERE id = $1 AND user_id = $2",
            cancellationToken, subscription, user.Value) == 1;

    public Task ForgetOwnedAsync(UserId owner, CancellationToken cancellationToken) => database.ExecuteAsync(
        """
        WITH pending AS (DELETE FROM push_pending WHERE user_id = $1)
        DELETE FROM push_subscriptions WHERE user_id = $1
        """,
        cancellationToken, owner.Value);

    public Task ForgetAsync(Guid subscription, CancellationToken cancellationToken) => database.ExecuteAsync(
        "DELETE FROM push_subscriptions WHERE id = $1", cancellationToken, subscription);

    public async Task<DateTimeOffset?> TakePendingAsync(UserId user, CancellationToken cancellationToken)
    {
        var since = await database.QueryAsync(
            "DELETE FROM push_pending WHERE user_id = $1 RETURNING since",
            row => row.IsDBNull(0) ? (DateTimeOffset?)null : row.GetFieldValue<DateTimeOffset>(0),
            cancellationToken, user.Value);
        return since.SingleOrDefault();
    }

    public async Task<IReadOnlyList<(Guid Subscription, DateTimeOffset Due)>> QueueAsync(
        IReadOnlyCollection<Guid> subscriptions, Guid wake, DateTimeOffset now, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            """
            UPDATE push_subscriptions SET queued_wake = $2, queued_at = greatest($3, paused_until)
            WHERE id = ANY($1) AND (queued_wake IS NULL OR queued_wake = $2 OR queued_at < $4)
            RETURNING id, queued_at
            """,
            row => (row.GetGuid(0), row.GetFieldValue<DateTimeOffset>(1)), cancellationToken,
            subscriptions.ToArray(), wake, now, now - OverdueMax);

    public Task PostponeAsync(PushTask task, DateTimeOffset due, CancellationToken cancellationToken) =>
        database.ExecuteAsync(
            """
            UPDATE push_subscriptions SET attempt = $3 - 1, settled = true, queued_wake = $2, queued_at = $4
            WHERE id = $1 AND wake = $2 AND attempt = $3
            """,
            cancellationToken, task.Subscription, task.Wake, task.Attempt, due);

    public async Task<DateTimeOffset?> FailAsync(
        Guid subscription, int max, DateTimeOffset pauseUntil, CancellationToken cancellationToken)
    {
        var paused = await database.QueryAsync(
            """
            UPDATE push_subscriptions SET failures = failures + 1,
                paused_until = CASE WHEN failures + 1 >= $2 THEN $3::timestamptz END
            WHERE id = $1 RETURNING paused_until
            """,
            row => row.IsDBNull(0) ? (DateTimeOffset?)null : row.GetFieldValue<DateTimeOffset>(0),
            cancellationToken, subscription, max, pauseUntil);
        return paused.SingleOrDefault();
    }

    public Task RecoverAsync(Guid subscription, CancellationToken cancellationToken) => database.ExecuteAsync(
        "UPDATE push_subscriptions SET failures = 0, paused_until = NULL WHERE id = $1 AND failures > 0",
        cancellationToken, subscription);

    public async Task<PushClaim> ClaimAsync(PushTask task, CancellationToken cancellationToken)
    {
        var taken = await database.QueryAsync(
            $"""
            UPDATE push_subscriptions s SET wake = $2, attempt = $3, settled = false,
                queued_wake = nullif(s.queued_wake, $2)
            FROM device_sessions d
            WHERE s.id = $1 AND d.device_id = s.device_id AND d.revoked_at IS NULL
              AND (s.wake IS NULL OR s.wake < $2 OR (s.wake = $2 AND s.attempt < $3))
            RETURNING {Columns}
            """,
            Read, cancellationToken, task.Subscription, task.Wake, task.Attempt);
        if (taken is [var subscription])
            return new PushClaim.Taken(subscription);
        var unsettled = await database.QueryAsync(
            """
            SELECT true FROM push_subscriptions WHERE id = $1 AND wake = $2 AND attempt = $3 AND NOT settled
            """,
            row => row.GetBoolean(0), cancellationToken, task.Subscription, task.Wake, task.Attempt);
        return unsettled.Count > 0 ? new PushClaim.Unknown() : new PushClaim.Done();
    }

    public Task SettleAsync(PushTask task, CancellationToken cancellationToken) => database.ExecuteAsync(
        "UPDATE push_subscriptions SET settled = true WHERE id = $1 AND wake = $2 AND attempt = $3",
        cancellationToken, task.Subscription, task.Wake, task.Attempt);

    private static PushSubscription Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), new UserId(row.GetGuid(1)), new DeviceId(row.GetGuid(2)), row.GetString(3),
        new SealedContent(null, row.GetFieldValue<byte[]>(4)), row.GetFieldValue<DateTimeOffset>(5));
}
