using System.Buffers.Binary;
using ChatCqrs.Application.Ports;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Accounts;

/// <summary>The kinds of origins of a code, each with limits of its own; see <see cref="PhoneLimits"/>.</summary>
internal enum CodeOriginKind : short
{
    Other = 0,

    /// <summary>An address from which a device of the phone's account signed in.</summary>
    Address = 1,

    /// <summary>A device of the phone's account.</summary>
    Device = 2,
}

/// <summary>Counts one code against the limits, in the transaction that adds its registration.</summary>
/// <param name="connection">In a transaction at PostgreSQL's default level, read committed.</param>
internal sealed class PostgresCodeLimits(
    NpgsqlConnection connection, Registration registration, CodeOrigin origin, CodeLimits limits)
{
    /// <summary>What others leave of <see cref="TextLimits"/> to known devices and addresses: one in so many.</summary>
    public const int KeptOneIn = 5;

    /// <summary>The country under which the total is counted.</summary>
    private const string AllCountries = "";

    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);

    /// <summary>How long the counts of an hour are kept.</summary>
    private static readonly TimeSpan CountsKept = TimeSpan.FromHours(48);

    private readonly byte[] _phone = PostgresRegistrations.Bytes(registration.Phone.Value);
    private readonly byte[] _address = PostgresRegistrations.Bytes(origin.Address.Value);

    /// <summary>Who asks; known once the code was counted.</summary>
    public CodeOriginKind Kind { get; private set; }

    /// <summary>Serialises registrations of one phone until the transaction's end, so that counts are exact.</summary>
    public Task LockPhoneAsync(CancellationToken cancellationToken) => ExecuteAsync(
        "SELECT pg_advisory_xact_lock($1)", cancellationToken, BinaryPrimitives.ReadInt64BigEndian(_phone));

    /// <returns>Null if the code may be sent; otherwise the transaction must not be committed.</returns>
    public async Task<CodeRefused?> TryCountAsync(CancellationToken cancellationToken)
    {
        Kind = await FindKindAsync(cancellationToken);
        return await FindPhoneLimitAsync(cancellationToken) ?? await CountTextAsync(cancellationToken);
    }

    private async Task<CodeOriginKind> FindKindAsync(CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT CASE WHEN bool_or(s.device_id = $2) THEN 2 WHEN bool_or(s.address = $3) THEN 1 ELSE 0 END
            FROM phones p JOIN device_sessions s ON s.user_id = p.user_id
            WHERE p.phone = $1 AND p.registered
            """,
            connection);
        command.Parameters.Add(new() { Value = _phone });
        command.Parameters.Add(new()
        {
            Value = (object?)origin.Device?.Value ?? DBNull.Value,
            NpgsqlDbType = NpgsqlDbType.Uuid,
        });
        command.Parameters.Add(new() { Value = _address });
        return (CodeOriginKind)(int)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<CodeRefused?> FindPhoneLimitAsync(CancellationToken cancellationToken)
    {
        if (limits.Phones is not { } phones)
            return null;
        var sent = await SentAsync(cancellationToken);
        List<(CodeLimit By, TimeSpan Wait)> waits =
        [
            (CodeLimit.Phone, Wait(sent, phones.PerHour, Hour)), (CodeLimit.Phone, Wait(sent, phones.PerDay, Day)),
        ];
        if (Kind == CodeOriginKind.Other)
        {
            var fromHere = sent.FindAll(code => code.FromHere);
            waits.Add((CodeLimit.Address, Wait(fromHere, phones.PerAddressAndHour, Hour)));
            waits.Add((CodeLimit.Address, Wait(fromHere, phones.PerAddressAndDay, Day)));
        }

        var (by, wait) = waits.MaxBy(each => each.Wait);
        return wait > TimeSpan.Zero ? Refused(by, wait) : null;
    }

    /// <summary>The phone's codes of the last day that count together with this one, newest first.</summary>
    private async Task<List<(DateTimeOffset At, bool FromHere)>> SentAsync(CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT created_at, address IS NOT DISTINCT FROM $2 FROM registrations
            WHERE phone = $1 AND created_at > $3 AND origin = $4 ORDER BY created_at DESC
            """,
            connection);
        command.Parameters.Add(new() { Value = _phone });
        command.Parameters.Add(new() { Value = _address });
        command.Parameters.Add(new() { Value = registration.CreatedAt - Day });
        command.Parameters.Add(new() { Value = (short)Kind });
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        var sent = new List<(DateTimeOffset, bool)>();
        while (await rows.ReadAsync(cancellationToken))
            sent.Add((rows.GetFieldValue<DateTimeOffset>(0), rows.GetBoolean(1)));
        return sent;
    }

    /// <returns>How long until fewer than <paramref name="max"/> codes are younger than the window.</returns>
    private TimeSpan Wait(List<(DateTimeOffset At, bool FromHere)> newestFirst, int max, TimeSpan window) =>
        newestFirst.Count < max ? TimeSpan.Zero : newestFirst[max - 1].At + window - registration.CreatedAt;

    private async Task<CodeRefused?> CountTextAsync(CancellationToken cancellationToken)
    {
        if (limits.Texts is not { } texts)
            return null;
        var hour = registration.CreatedAt.UtcDateTime.Date.AddHours(registration.CreatedAt.UtcDateTime.Hour);
        await ExecuteAsync("DELETE FROM code_counts WHERE hour < $1", cancellationToken, hour - CountsKept);
        if (!await TryRaiseAsync(origin.Country, texts.PerCountryAndHour))
            return Refused(CodeLimit.Country, hour + Hour - registration.CreatedAt.UtcDateTime);
        if (!await TryRaiseAsync(AllCountries, texts.PerHour)) // Last: every code waits for its row.
            return Refused(CodeLimit.Total, hour + Hour - registration.CreatedAt.UtcDateTime);
        return null;

        async Task<bool> TryRaiseAsync(string country, int max) => await ExecuteAsync(
            """
            INSERT INTO code_counts AS c (country, hour, codes) VALUES ($1, $2, 1)
            ON CONFLICT (country, hour) DO UPDATE SET codes = c.codes + 1 WHERE c.codes < $3
            """,
            cancellationToken, country, hour, Kind == CodeOriginKind.Other ? max - (max / KeptOneIn) : max) > 0;
    }

    private static CodeRefused Refused(CodeLimit by, TimeSpan wait) =>
        new(by, wait > TimeSpan.FromSeconds(1) ? wait : TimeSpan.FromSeconds(1));

    private async Task<int> ExecuteAsync(string sql, CancellationToken cancellationToken, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
            command.Parameters.Add(new() { Value = value });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
