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

    /// <summary>What <see cref="Read"/> reads, in its order.</summary>
    private const string Columns = "r.phone, r.user_id, r.device_id, r.content, r.bucket, r.created_at, r.expires_at";

    private const int ColumnCount = 7;

    public Task<CodeRefused?> AddAsync(
        Registration registration, CodeOrigin origin, CodeLimits limits, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync<CodeRefused?>(async () =>
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            var codes = new PostgresCodeLimits(connection, registration, origin, limits);
            await codes.LockPhoneAsync(cancellationToken);
            if (await codes.TryCountAsync(cancellationToken) is { } refused)
                return refused;

            await using var batch = new NpgsqlBatch(connection);
            batch.BatchCommands.Add(Insert(registration, origin.Address, codes.Kind));
            batch.BatchCommands.Add(EndEarlier(registration));
            batch.BatchCommands.Add(DeleteOld(registration.CreatedAt - KeptFor));
            await batch.ExecuteNonQueryAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return null;
        });

    public Task<CodeCheck> CheckCodeAsync(
        Guid registration, Fingerprint code, Fingerprint device, int attemptsMax, DateTimeOffset now,
        CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync<CodeCheck>(async () =>
            await GuessAsync(registration, code, device, attemptsMax, now, cancellationToken)
            ?? await FindAnswerAsync(registration, code, device, attemptsMax, now, cancellationToken)
            ?? (await IsKnownAsync(registration, cancellationToken) ? new CodeCheck.Over() : new CodeCheck.Unknown()));

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

    public Task<bool> CompleteAsync(
        Guid registration, SignIn signIn, SealedContent answer, CancellationToken cancellationToken) =>
        IdempotentRetry.RunAsync(
            async () => await TryCompleteAsync(registration, signIn, answer, cancellationToken)
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
        var links = new NpgsqlBatchCommand("DELETE FROM device_links WHERE user_id = $1");
        Add(links.Parameters, user.Value);
        batch.BatchCommands.Add(links);
        var addresses = new NpgsqlBatchCommand("UPDATE device_sessions SET address = NULL WHERE user_id = $1");
        Add(addresses.Parameters, user.Value);
        batch.BatchCommands.Add(addresses);
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

    /// <summary>Compares a guess with a registration that waits for its code.</summary>
    /// <returns>Null if it does not wait any more.</returns>
    private async Task<CodeCheck?> GuessAsync(
        Guid registration, Fingerprint code, Fingerprint device, int attemptsMax, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        await using var guess = database.CreateCommand(
            $"""
            UPDATE registrations r SET
                attempts = attempts + CASE WHEN code = $2 THEN 0 ELSE 1 END,
                device = CASE WHEN code = $2 THEN coalesce(device, $5) ELSE device END
            WHERE id = $1 AND attempts < $3 AND expires_at > $4 AND completed_at IS NULL AND ended_at IS NULL
            RETURNING {Columns}, code = $2, device = $5
            """);
        Add(guess.Parameters, registration, Bytes(code.Value), attemptsMax, now, Bytes(device.Value));
        await using var row = await guess.ExecuteReaderAsync(cancellationToken);
        if (!await row.ReadAsync(cancellationToken))
            return null;
        if (!row.GetBoolean(ColumnCount))
            return new CodeCheck.Wrong();
        return row.GetBoolean(ColumnCount + 1)
            ? new CodeCheck.Right(Read(registration, code, row))
            : new CodeCheck.Over();
    }

    /// <summary>
    /// Compares a guess with a registration that was completed just now. Wrong guesses count on, so that nobody tries
    /// codes there either. The device must be signed in still.
    /// </summary>
    private async Task<CodeCheck?> FindAnswerAsync(
        Guid registration, Fingerprint code, Fingerprint device, int attemptsMax, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        await using var guess = database.CreateCommand(
            $"""
            UPDATE registrations r SET attempts = attempts + CASE WHEN code = $2 AND device = $5 THEN 0 ELSE 1 END
            FROM device_sessions s
            WHERE r.id = $1 AND r.attempts < $3 AND r.completed_at > $4 AND r.ended_at IS NULL
              AND s.device_id = r.device_id AND s.revoked_at IS NULL
            RETURNING {Columns}, code = $2 AND device = $5
            """);
        Add(
            guess.Parameters, registration, Bytes(code.Value), attemptsMax, now - CodeCheck.Answered.AnsweredFor,
            Bytes(device.Value));
        await using var row = await guess.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) && row.GetBoolean(ColumnCount)
            ? new CodeCheck.Answered(Read(registration, code, row))
            : null;
    }

    private async Task<bool> IsKnownAsync(Guid registration, CancellationToken cancellationToken)
    {
        await using var known = database.CreateCommand("SELECT true FROM registrations WHERE id = $1");
        Add(known.Parameters, registration);
        return await known.ExecuteScalarAsync(cancellationToken) is true;
    }

    private async Task<bool> TryCompleteAsync(
        Guid registration, SignIn signIn, SealedContent answer, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            WITH claim AS (
                SELECT phone FROM phones WHERE user_id = $4 FOR UPDATE
            ), used AS (
                UPDATE registrations r SET completed_at = $2, content = $8, bucket = $9 FROM claim
                WHERE r.id = $1 AND r.completed_at IS NULL AND r.phone = claim.phone RETURNING r.phone
            ), registered AS (
                UPDATE phones p SET registered = true FROM used WHERE p.phone = used.phone AND NOT p.registered
            )
            INSERT INTO device_sessions (
                device_id, user_id, refresh_hash, refresh_expires_at, created_at, last_seen, address)
            SELECT $3, $4, $5, $6, $2, $2, $7 FROM used
            """);
        Add(command.Parameters,
            registration, signIn.Now, signIn.Device.Value, signIn.User.Value, signIn.RefreshToken,
            signIn.RefreshExpiresAt, Bytes(signIn.Address.Value), answer.Bytes);
        command.Parameters.Add(TextOrNull(answer.Bucket));
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

    private static NpgsqlBatchCommand Insert(
        Registration registration, AddressKey address, CodeOriginKind kind)
    {
        var command = new NpgsqlBatchCommand(
            """
            INSERT INTO registrations (
                id, phone, user_id, device_id, content, bucket, code, created_at, expires_at, address, origin)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            """);
        Add(command.Parameters,
            registration.Id, Bytes(registration.Phone.Value), registration.User.Value, registration.Device.Value,
            registration.Content.Bytes);
        command.Parameters.Add(TextOrNull(registration.Content.Bucket));
        Add(command.Parameters,
            Bytes(registration.Code.Value), registration.CreatedAt, registration.ExpiresAt,
            Bytes(address.Value), (short)kind);
        return command;
    }

    /// <summary>Ends what came before, the answers that could be had again included. The phone is locked.</summary>
    private static NpgsqlBatchCommand EndEarlier(Registration registration)
    {
        var command = new NpgsqlBatchCommand(
            "UPDATE registrations SET ended_at = $3 WHERE phone = $1 AND id <> $2 AND ended_at IS NULL");
        Add(command.Parameters, Bytes(registration.Phone.Value), registration.Id, registration.CreatedAt);
        return command;
    }

    private static NpgsqlBatchCommand DeleteOld(DateTimeOffset before)
    {
        var command = new NpgsqlBatchCommand(
            """
            DELETE FROM registrations WHERE id IN (
                SELECT id FROM registrations WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
            """);
        Add(command.Parameters, before, DeletedAtOnce);
        return command;
    }

    /// <summary>Reads <see cref="Columns"/>.</summary>
    private static Registration Read(Guid id, Fingerprint code, NpgsqlDataReader row) => new(
        id, ReadPhone(row, 0), new UserId(row.GetGuid(1)), new DeviceId(row.GetGuid(2)),
        new SealedContent(row.IsDBNull(4) ? null : row.GetString(4), row.GetFieldValue<byte[]>(3)), code,
        row.GetFieldValue<DateTimeOffset>(5), row.GetFieldValue<DateTimeOffset>(6));

    private static PhoneKey ReadPhone(NpgsqlDataReader row, int column) =>
        new(BinaryPrimitives.ReadUInt128BigEndian(row.GetFieldValue<byte[]>(column)));

    private static NpgsqlParameter TextOrNull(string? text) =>
        new() { Value = (object?)text ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    private static void Add(NpgsqlParameterCollection parameters, params ReadOnlySpan<object> values)
    {
        foreach (var value in values)
            parameters.Add(new NpgsqlParameter { Value = value });
    }
}
