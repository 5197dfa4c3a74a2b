using System.Buffers.Binary;
using System.Collections.Concurrent;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Npgsql;

namespace ChatCqrs.Infrastructure.Accounts;

/// <inheritdoc cref="IDeviceSessions"/>
/// <remarks>
/// A sign-out notifies all nodes (NOTIFY) in its own transaction; <see cref="AccountListener"/> receives it.
/// A sign-out marks the cached session object and never replaces it: every caller that holds the object sees the mark.
/// </remarks>
internal sealed class PostgresDeviceSessions(NpgsqlDataSource database, TimeProvider clock)
    : IDeviceSessions
{
    /// <summary>The notification channel for sign-outs; the payload is <c>user:device</c>.</summary>
    public const string Channel = PostgresRegistration.Schema + "_devices";

    private const int SessionsMax = 100_000;
    private const int SeenMax = 100_000;
    private static readonly TimeSpan SeenEvery = TimeSpan.FromMinutes(1);

    /// <summary>How long a request waits for the store to know that its token was used.</summary>
    private static readonly TimeSpan MarkWithin = TimeSpan.FromSeconds(2);

    private readonly RecentlyUsed<DeviceId, Session> _sessions = new(SessionsMax);
    private readonly ConcurrentDictionary<DeviceId, DateTimeOffset> _seen = new();

    /// <summary>Generations that the store could not be told of; at most <see cref="SeenMax"/> devices.</summary>
    private readonly ConcurrentDictionary<DeviceId, long> _unmarked = new();

    private long _revocations;

    public event Action<UserId, DeviceId>? Revoked;

    public async ValueTask<bool> IsActiveAsync(UserId user, DeviceId device, CancellationToken cancellationToken)
    {
        if (_sessions.TryGet(device, out var session))
            return session.Owner == user && !session.Revoked;

        var revocations = Interlocked.Read(ref _revocations);
        var known = await PostgresErrors.GuardAsync(async () =>
        {
            await using var command = database.CreateCommand(
                "SELECT user_id, revoked_at IS NOT NULL, used_generation FROM device_sessions WHERE device_id = $1");
            command.Parameters.Add(new() { Value = device.Value });
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            return await row.ReadAsync(cancellationToken)
                ? new Session
                {
                    Owner = new UserId(row.GetGuid(0)),
                    Revoked = row.GetBoolean(1),
                    UsedGeneration = row.GetInt64(2),
                }
                : null;
        });

        if (known is not null)
        {
            var isActive = known.Owner == user && !known.Revoked;
            _sessions.Set(device, known);

            // A sign-out during the query makes the answer unreliable: do not cache it. The check follows Set: a later
            // sign-out finds the cached session, and an earlier one has raised the counter.
            if (Interlocked.Read(ref _revocations) != revocations)
                _sessions.Remove(device);
            return isActive;
        }

        return false;
    }

    public void Touch(DeviceId device)
    {
        if (!_sessions.TryGet(device, out var session))
            return;
        var now = clock.GetTimestamp();
        var last = Volatile.Read(ref session.SeenAt);
        if (last != 0 && clock.GetElapsedTime(last, now) < SeenEvery)
            return;
        if (Interlocked.CompareExchange(ref session.SeenAt, now, last) == last && _seen.Count < SeenMax)
            _seen[device] = clock.GetUtcNow();
    }

    public async ValueTask MarkUsedAsync(DeviceId device, long generation, CancellationToken cancellationToken)
    {
        var session = _sessions.TryGet(device, out var cached) ? cached : null;
        if (generation < 0 || (session is not null && Volatile.Read(ref session.UsedGeneration) >= generation))
            return;
        using var limit = new CancellationTokenSource(MarkWithin, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await WriteUsedAsync([new(device, generation)], either.Token);
        }
        catch (Exception exception) when (exception is StoreUnavailableException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            if (_unmarked.Count < SeenMax)
                _unmarked.AddOrUpdate(device, generation, (_, other) => Math.Max(other, generation));
        }

        session?.Used(generation);
    }

    public async Task<RotationOutcome> RotateAsync(Rotation rotation, CancellationToken cancellationToken)
    {
        var attempts = 0;
        var rotated = await IdempotentRetry.RunAsync(
            () =>
            {
                attempts++;
                return ExchangeAsync(rotation, cancellationToken);
            },
            clock, cancellationToken);
        if (rotated is not null)
            return rotated;
        if (attempts > 1) // The first one may have succeeded, and a token that another tab got by it been used since.
            throw new StoreUnavailableException("It is not known whether the token was exchanged.");
        var revoked = await RevokeWhereAsync(
            "device_id = $1 AND refresh_hash <> $3 AND NOT (refresh_hash = $4 AND used_generation < generation)",
            rotation.Now, [rotation.Device.Value, rotation.Old, rotation.New], cancellationToken);
        return revoked ? new RotationOutcome.Reused() : new RotationOutcome.Ended();
    }

    public Task RevokeAsync(UserId user, DeviceId device, CancellationToken cancellationToken) =>
        RevokeWhereAsync(
            "device_id = $1 AND user_id = $3", clock.GetUtcNow(), [device.Value, user.Value], cancellationToken);

    public async Task<IReadOnlyList<DeviceSession>> OfAsync(UserId user, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            """
            SELECT device_id, created_at, last_seen, refresh_expires_at FROM device_sessions
            WHERE user_id = $1 AND revoked_at IS NULL ORDER BY created_at, device_id
            """,
            row => new DeviceSession(
                new DeviceId(row.GetGuid(0)), row.GetFieldValue<DateTimeOffset>(1),
                row.GetFieldValue<DateTimeOffset>(2), row.GetFieldValue<DateTimeOffset>(3)),
            cancellationToken, user.Value);

    public Task RevokeAllAsync(UserId user, CancellationToken cancellationToken) =>
        RevokeWhereAsync("user_id = $1", clock.GetUtcNow(), [user.Value], cancellationToken);

    public async Task<IReadOnlyDictionary<DeviceId, DateTimeOffset>> LastSeenAsync(
        UserId user, CancellationToken cancellationToken)
    {
        var lastSeen = await PostgresErrors.GuardAsync(async () =>
        {
            await using var command = database.CreateCommand(
                "SELECT device_id, last_seen FROM device_sessions WHERE user_id = $1");
            command.Parameters.Add(new() { Value = user.Value });
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            var found = new Dictionary<DeviceId, DateTimeOffset>();
            while (await rows.ReadAsync(cancellationToken))
                found.Add(new DeviceId(rows.GetGuid(0)), rows.GetFieldValue<DateTimeOffset>(1));
            return found;
        });
        foreach (var device in lastSeen.Keys.ToArray())
        {
            if (_seen.TryGetValue(device, out var seen) && seen > lastSeen[device])
                lastSeen[device] = seen;
        }

        return lastSeen;
    }

    public Task<IReadOnlyDictionary<UserId, DateTimeOffset>> LastSeenAsync(
        IReadOnlyCollection<UserId> users, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync<IReadOnlyDictionary<UserId, DateTimeOffset>>(async () =>
        {
            await using var command = database.CreateCommand(
                """
                SELECT s.user_id, max(s.last_seen) FROM device_sessions s JOIN phones p ON p.user_id = s.user_id
                WHERE s.user_id = ANY ($1) GROUP BY s.user_id
                """);
            command.Parameters.Add(new() { Value = users.Select(user => user.Value).ToArray() });
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            var found = new Dictionary<UserId, DateTimeOffset>();
            while (await rows.ReadAsync(cancellationToken))
                found.Add(new UserId(rows.GetGuid(0)), rows.GetFieldValue<DateTimeOffset>(1));
            return found;
        });

    /// <summary>Marks a device as signed out, by this node or another.</summary>
    public void Mark(UserId user, DeviceId device)
    {
        Interlocked.Increment(ref _revocations);
        if (_sessions.TryGet(device, out var session))
            session.Revoked = true;
        Revoked?.Invoke(user, device);
    }

    /// <summary>Marks all devices signed out since a time; notifications may have been missed.</summary>
    public Task CatchUpAsync(DateTimeOffset since, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var command = database.CreateCommand(
                "SELECT user_id, device_id FROM device_sessions WHERE revoked_at >= $1");
            command.Parameters.Add(new() { Value = since });
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            while (await rows.ReadAsync(cancellationToken))
                Mark(new UserId(rows.GetGuid(0)), new DeviceId(rows.GetGuid(1)));
            return true;
        });

    /// <summary>
    /// Stores when devices were seen since the last call, in one statement, and in another the generations that the
    /// store could not be told of when they were used.
    /// </summary>
    public async Task WriteSeenAsync(CancellationToken cancellationToken)
    {
        var used = _unmarked.ToArray();
        if (used.Length > 0)
        {
            await WriteUsedAsync(used, cancellationToken);
            foreach (var pair in used)
                _unmarked.TryRemove(pair);
        }

        var seen = _seen.ToArray();
        if (seen.Length == 0)
            return;
        await PostgresErrors.GuardAsync(async () =>
        {
            await using var command = database.CreateCommand(
                """
                UPDATE device_sessions s SET last_seen = greatest(s.last_seen, u.at)
                FROM unnest($1, $2) AS u(device, at) WHERE s.device_id = u.device
                """);
            command.Parameters.Add(new() { Value = seen.Select(pair => pair.Key.Value).ToArray() });
            command.Parameters.Add(new() { Value = seen.Select(pair => pair.Value).ToArray() });
            return await command.ExecuteNonQueryAsync(cancellationToken);
        });
        foreach (var pair in seen)
            _seen.TryRemove(pair);
    }

    /// <summary>Writes nothing where a generation is known to be used, or is no longer the newest.</summary>
    private Task WriteUsedAsync(
        KeyValuePair<DeviceId, long>[] used, CancellationToken cancellationToken) => database.ExecuteAsync(
        """
        UPDATE device_sessions s SET used_generation = u.generation FROM unnest($1, $2) AS u(device, generation)
        WHERE s.device_id = u.device AND s.generation = u.generation AND s.used_generation < u.generation
        """,
        cancellationToken, used.Select(pair => pair.Key.Value).ToArray(), used.Select(pair => pair.Value).ToArray());

    /// <summary>
    /// Exchanges the token. A repeated exchange succeeds too, and changes nothing, until a token that it gave was used.
    /// </summary>
    /// <returns>Null when the session has no such refresh token, has expired or was revoked.</returns>
    private async Task<RotationOutcome?> ExchangeAsync(Rotation rotation, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            UPDATE device_sessions s SET
                refresh_hash = $3,
                refresh_expires_at = CASE WHEN refresh_hash = $2 THEN $4 ELSE refresh_expires_at END,
                generation = CASE WHEN refresh_hash = $2 THEN generation + 1 ELSE generation END,
                last_seen = greatest(last_seen, $5)
            WHERE device_id = $1 AND (refresh_hash = $2 OR (refresh_hash = $3 AND used_generation < generation))
              AND refresh_expires_at > $5 AND revoked_at IS NULL
            RETURNING s.user_id, (SELECT p.phone FROM phones p WHERE p.user_id = s.user_id), s.generation
            """);
        command.Parameters.Add(new() { Value = rotation.Device.Value });
        command.Parameters.Add(new() { Value = rotation.Old });
        command.Parameters.Add(new() { Value = rotation.New });
        command.Parameters.Add(new() { Value = rotation.ExpiresAt });
        command.Parameters.Add(new() { Value = rotation.Now });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        if (!await row.ReadAsync(cancellationToken))
            return null;
        var phone = row.IsDBNull(1) ? default : BinaryPrimitives.ReadUInt128BigEndian(row.GetFieldValue<byte[]>(1));
        return new RotationOutcome.Rotated(new UserId(row.GetGuid(0)), new PhoneKey(phone), row.GetInt64(2));
    }

    /// <summary>Signs devices out and notifies all nodes, in one transaction.</summary>
    /// <param name="condition">
    /// SQL that selects the sessions. $1 is the first argument, $2 the time, $3 and on the other arguments.
    /// </param>
    /// <returns>Whether any device was signed in.</returns>
    private async Task<bool> RevokeWhereAsync(
        string condition, DateTimeOffset now, object[] arguments, CancellationToken cancellationToken)
    {
        var revoked = await PostgresErrors.GuardAsync(async () =>
        {
            await using var command = database.CreateCommand(
                $"""
                WITH revoked AS (
                    UPDATE device_sessions SET revoked_at = $2 WHERE {condition} AND revoked_at IS NULL RETURNING user_id, device_id
                )
                SELECT user_id, device_id, pg_notify('{Channel}', user_id || ':' || device_id) FROM revoked
                """);
            command.Parameters.Add(new() { Value = arguments[0] });
            command.Parameters.Add(new() { Value = now });
            foreach (var argument in arguments.Skip(1))
                command.Parameters.Add(new() { Value = argument });
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            var found = new List<(UserId, DeviceId)>();
            while (await rows.ReadAsync(cancellationToken))
                found.Add((new UserId(rows.GetGuid(0)), new DeviceId(rows.GetGuid(1))));
            return found;
        });
        foreach (var (user, device) in revoked)
            Mark(user, device);
        return revoked.Count > 0;
    }

    private sealed class Session
    {
        public volatile bool Revoked;

        /// <summary>The newest generation of which a token was used, as far as this node knows; -1 for none.</summary>
        public long UsedGeneration;

        public required UserId Owner { get; init; }

        /// <summary>When the device was last recorded as seen, as a timestamp of the clock; 0 for never.</summary>
        public long SeenAt;

        public void Used(long generation)
        {
            var known = Volatile.Read(ref UsedGeneration);
            while (known < generation)
            {
                var before = Interlocked.CompareExchange(ref UsedGeneration, generation, known);
                if (before == known)
                    return;
                known = before;
            }
        }
    }
}
