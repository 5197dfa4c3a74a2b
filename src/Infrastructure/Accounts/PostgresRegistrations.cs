using System.Buffers.Binary;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Infrastructure.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Accounts;

/// <inheritdoc cref="IRegistrations"/>
internal sealed class PostgresRegistrations(NpgsqlDataSource database, TimeProvider clock)
    : IRegistrations
{
    /// <summary>The notification channel for erased users; the payload is the user's id.</summary>
    public const string ErasedChannel = PostgresRegistration.Schema + "_erased";

    /// <summary>
    /// How long a registration stays: longer than the 24 hours of the code limit, so that late answers get "over".
    /// </summary>
    private static readonly TimeSpan KeptFor = TimeSpan.FromHours(48);

    /// <summary>How many old registrations each new one deletes at most.</summary>
    private const int DeletedAtOnce = 20;

    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);

    public Task<TimeSpan?> AddAsync(
        Registration registration, PhoneLimits? limits, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            var phone = Bytes(registration.Phone.Value);
            await using var batch = database.CreateBatch();
            batch.BatchCommands.Add(LockPhone(phone));
            batch.BatchCommands.Add(Insert(registration, phone, limits));
            batch.BatchCommands.Add(DeleteOld(registration.CreatedAt - KeptFor));
            await batch.ExecuteNonQueryAsync(cancellationToken);
            return batch.BatchCommands[1].RecordsAffected > 0
                ? null
                : await WaitAsync(phone, limits!, registration.CreatedAt, cancellationToken);
        });

    public Task<CodeCheck> CheckCodeAsync(
        Guid registration, Fingerprint code, int attemptsMax, DateTimeOffset now,
        CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var guess = database.CreateCommand(
                """
                UPDATE registrations SET attempts = attempts + CASE WHEN code = $2 THEN 0 ELSE 1 END
                WHERE id = $1 AND attempts < $3 AND expires_at > $4 AND completed_at IS NULL
                RETURNING code = $2, phone, user_id, device_id, content, bucket, created_at, expires_at
                """);
            Add(guess.Parameters, registration, Bytes(code.Value), attemptsMax, now);
            await using (var row = await guess.ExecuteReaderAsync(cancellationToken))
            {
                if (await row.ReadAsync(cancellationToken))
                {
                    return row.GetBoolean(0)
                        ? new CodeCheck.Right(Read(registration, code, row))
                        : new CodeCheck.Wrong();
                }
            }

            await using var known = database.CreateCommand("SELECT true FROM registrations WHERE id = $1");
            Add(known.Parameters, registration);
            return await known.ExecuteScalarAsync(cancellationToken) is true
                ? (CodeCheck)new CodeCheck.Over()
                : new CodeCheck.Unknown();
        });

    public Task<UserId> ClaimPhoneAsync(
        PhoneKey phone, UserId user, DateTimeOffset now, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var batch = database.CreateBatch();
            var claim = new NpgsqlBatchCommand(
                """
                INSERT INTO phones (phone, user_id, claimed_at) VALUES ($1, $2, $3)
                ON CONFLICT (phone) DO NOTHING
                """);
            Add(claim.Parameters, Bytes(phone.Value), user.Value, now);
            batch.BatchCommands.Add(claim);
            var owner = new NpgsqlBatchCommand("SELECT user_id FROM phones WHERE phone = $1");
            Add(owner.Parameters, Bytes(phone.Value));
            batch.BatchCommands.Add(owner);
            return new UserId((Guid)(await batch.ExecuteScalarAsync(cancellationToken))!);
        });

    public Task<UserId?> FindPhoneAsync(PhoneKey phone, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync<UserId?>(async () =>
        {
            await using var command = database.CreateCommand(
                "SELECT user_id FROM phones WHERE phone = $1 AND registered");
            Add(command.Parameters, Bytes(phone.Value));
            return await command.ExecuteScalarAsync(cancellationToken) is Guid id ? new UserId(id) : null;
        });

    public Task<IReadOnlyDictionary<PhoneKey, UserId>> FindPhonesAsync(
        IReadOnlyCollection<PhoneKey> phones, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync<IReadOnlyDictionary<PhoneKey, UserId>>(async () =>
        {
            await using var command = database.CreateCommand(
                "SELECT phone, user_id FROM phones WHERE phone = ANY ($1) AND registered");
            object keys = phones.Select(phone => Bytes(phone.Value)).ToArray(); // One parameter, not several.
            Add(command.Parameters, keys);
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            var found = new Dictionary<PhoneKey, UserId>();
            while (await rows.ReadAsync(cancellationToken))
                found.Add(ReadPhone(rows, 0), new UserId(rows.GetGuid(1)));
            return found;
        });

    public Task<bool> CompleteAsync(Guid registration, SignIn signIn, CancellationToken cancellationToken) =>
        IdempotentRetry.RunAsync(
            async () => await TryCompleteAsync(registration, signIn, cancellationToken)
                || await IsSignedInAsync(signIn, cancellationToken),
            clock, cancellationToken);

    public Task ForgetAsync(UserId user, CancellationToken cancellationToken) => PostgresErrors.GuardAsync(async () =>
    {
        await using var batch = database.CreateBatch();
        var phone = new NpgsqlBatchCommand(
            """
            WITH phone AS (DELETE FROM phones WHERE user_id = $1 RETURNING phone)
            DELETE FROM registrations r USING phone WHERE r.phone = phone.phone
            """);
        Add(phone.Parameters, user.Value);
        batch.BatchCommands.Add(phone);
        var own = new NpgsqlBatchCommand("DELETE FROM registrations WHERE user_id = $1");
        Add(own.Parameters, user.Value);
        batch.BatchCommands.Add(own);
        var tell = new NpgsqlBatchCommand($"SELECT pg_notify('{ErasedChannel}', $1)");
        Add(tell.Parameters, user.ToString());
        batch.BatchCommands.Add(tell);
        return await batch.ExecuteNonQueryAsync(cancellationToken);
    });

    internal static byte[] Bytes(UInt128 value)
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, value);
        return bytes;
    }

    private async Task<bool> TryCompleteAsync(Guid registration, SignIn signIn, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            WITH claim AS (
                SELECT phone FROM phones WHERE user_id = $4 FOR UPDATE
            ), used AS (
                UPDATE registrations r SET completed_at = $2, content = '' FROM claim
                WHERE r.id = $1 AND r.completed_at IS NULL AND r.phone = claim.phone RETURNING r.phone
            ), registered AS (
                UPDATE phones p SET registered = true FROM used WHERE p.phone = used.phone AND NOT p.registered
            )
            INSERT INTO device_sessions (device_id, user_id, refresh_hash, refresh_expires_at, created_at, last_seen)
            SELECT $3, $4, $5, $6, $2, $2 FROM used
            """);
        Add(command.Parameters,
            registration, signIn.Now, signIn.Device.Value, signIn.User.Value, signIn.RefreshToken,
            signIn.RefreshExpiresAt);
        return await command.ExecuteNonQueryAsync(cancellationToken) > 0;
    }

    /// <summary>Whether the same sign-in succeeded before, but its answer was lost.</summary>
    private async Task<bool> IsSignedInAsync(SignIn signIn, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            SELECT true FROM device_sessions
            WHERE device_id = $1 AND refresh_hash = $2 AND revoked_at IS NULL
            """);
        Add(command.Parameters, signIn.Device.Value, signIn.RefreshToken);
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <summary>Serialises registrations of one phone, so that the count against its limits is exact.</summary>
    private static NpgsqlBatchCommand LockPhone(byte[] phone)
    {
        var command = new NpgsqlBatchCommand("SELECT pg_advisory_xact_lock($1)");
        Add(command.Parameters, BinaryPrimitives.ReadInt64BigEndian(phone));
        return command;
    }

    private NpgsqlBatchCommand Insert(Registration registration, byte[] phone, PhoneLimits? limits)
    {
        var command = new NpgsqlBatchCommand(
            """
            INSERT INTO registrations (id, phone, user_id, device_id, content, bucket, code, created_at, expires_at)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
            WHERE (SELECT count(*) FROM registrations WHERE phone = $2 AND created_at > $10) < $11
              AND (SELECT count(*) FROM registrations WHERE phone = $2 AND created_at > $12) < $13
            """);
        Add(command.Parameters,
            registration.Id, phone, registration.User.Value, registration.Device.Value, registration.Content.Bytes);
        command.Parameters.Add(new NpgsqlParameter
        {
            Value = (object?)registration.Content.Bucket ?? DBNull.Value,
            NpgsqlDbType = NpgsqlDbType.Text,
        });
        Add(command.Parameters,
            Bytes(registration.Code.Value), registration.CreatedAt, registration.ExpiresAt,
            registration.CreatedAt - Hour, limits?.PerHour ?? int.MaxValue,
            registration.CreatedAt - Day, limits?.PerDay ?? int.MaxValue);
        return command;
    }

    private NpgsqlBatchCommand DeleteOld(DateTimeOffset before)
    {
        var command = new NpgsqlBatchCommand(
            """
            DELETE FROM registrations WHERE id IN (
                SELECT id FROM registrations WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
            """);
        Add(command.Parameters, before, DeletedAtOnce);
        return command;
    }

    /// <summary>How long until both limits admit another code; at least a second.</summary>
    private async Task<TimeSpan?> WaitAsync(
        byte[] phone, PhoneLimits limits, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            SELECT greatest(
                (SELECT created_at + interval '1 hour' FROM registrations WHERE phone = $1 ORDER BY created_at DESC OFFSET $2 LIMIT 1),
                (SELECT created_at + interval '1 day' FROM registrations WHERE phone = $1 ORDER BY created_at DESC OFFSET $3 LIMIT 1))
            """);
        Add(command.Parameters, phone, Math.Max(0, limits.PerHour - 1), Math.Max(0, limits.PerDay - 1));
        var wait = await command.ExecuteScalarAsync(cancellationToken) is DateTime until
            ? new DateTimeOffset(until) - now
            : Hour;
        return wait > TimeSpan.FromSeconds(1) ? wait : TimeSpan.FromSeconds(1);
    }

    private static Registration Read(Guid id, Fingerprint code, NpgsqlDataReader row) => new(
        id, ReadPhone(row, 1), new UserId(row.GetGuid(2)), new DeviceId(row.GetGuid(3)),
        new SealedContent(row.IsDBNull(5) ? null : row.GetString(5), row.GetFieldValue<byte[]>(4)), code,
        row.GetFieldValue<DateTimeOffset>(6), row.GetFieldValue<DateTimeOffset>(7));

    private static PhoneKey ReadPhone(NpgsqlDataReader row, int column) =>
        new(BinaryPrimitives.ReadUInt128BigEndian(row.GetFieldValue<byte[]>(column)));

    private static void Add(NpgsqlParameterCollection parameters, params ReadOnlySpan<object> values)
    {
        foreach (var value in values)
            parameters.Add(new NpgsqlParameter { Value = value });
    }
}
