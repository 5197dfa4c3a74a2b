using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Tlog;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// Ends the logs and begins new ones, with another name and key, where what was published cannot be imported. The first
/// entry of each holds the last known checkpoint of the one that ended, whose rows stay under its name. The new log of
/// heads has the heads of all streams from their beginning; the log of keys goes on with the entries of the old one.
/// </summary>
internal sealed class NewLogs(
    NpgsqlDataSource database, IEventStore store, ElsewhereCheck elsewhere, IOptions<AuditOptions> options,
    TimeProvider clock, LogMirror? mirror = null)
{
    private readonly EntryLog _heads = new(EntryLog.Heads, database);
    private readonly EntryLog _keys = new(EntryLog.Keys, database);

    /// <summary>The name of a log by the settings; null if they have none.</summary>
    public static string? OriginOf(AuditOptions options, EntryLog log) =>
        options.Origin is { } heads ? heads[..^EntryLog.Heads.Length] + log.Name : null;

    /// <exception cref="RefusedException">
    /// The name was used, the key is the same, or the mirror is the old log's.
    /// </exception>
    public async Task<RecoveryPlan> PlanAsync(CancellationToken cancellationToken) => new(
        RecoveryKind.Continued, await PlanAsync(_heads, cancellationToken), await PlanAsync(_keys, cancellationToken));

    /// <returns>False if a log has changed.</returns>
    public Task<bool> RunAsync(RecoveryPlan plan, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            var position = await store.HeadAsync(cancellationToken);
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            if (!await BeginAsync(_heads, plan.Heads, position, connection, cancellationToken)
                || !await BeginAsync(_keys, plan.Keys, position, connection, cancellationToken))
                return false;
            await AuditRecovery.ExecuteAsync(connection, $"DELETE FROM {AuditSchema.Batches}", cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return true;
        });

    private async Task<PlannedLog> PlanAsync(EntryLog log, CancellationToken cancellationToken)
    {
        var seen = await elsewhere.SeenAsync(log.Name, cancellationToken);
        var origin = OriginOf(options.Value, log)!;
        if (mirror is not null && await mirror.CheckpointAsync(log.Name, cancellationToken) is { } mirrored
            && LogMirror.Parse(mirrored).Origin != origin)
            throw new RefusedException(Refusal.MirrorInUse);
        if (await new EntryLog(origin, database).StateAsync(cancellationToken) is not null)
            throw new RefusedException(Refusal.NewOriginNeeded);
        if (await log.StateAsync(cancellationToken) is not { } state)
            return new PlannedLog(0, 0, null);
        if (VerifierKey.Parse(elsewhere.VkeyOf(origin)).Raw.Span.SequenceEqual(VerifierKey.Parse(state.Vkey).Raw.Span))
            throw new RefusedException(Refusal.NewKeyNeeded);
        var published = await database.QueryAsync(
            $"SELECT note FROM {AuditSchema.Checkpoints} WHERE log = $1 AND published ORDER BY size DESC LIMIT 1",
            row => row.GetString(0), cancellationToken, log.Name);
        var known = seen.Select(other => other.Seen.Note).OfType<string>()
            .Where(note => LogMirror.Parse(note).Origin == state.Origin
                && elsewhere.IsSigned(state.Origin, state.Vkey, note))
            .Concat(published).OrderByDescending(note => LogMirror.Parse(note).Size).FirstOrDefault();
        return new PlannedLog(
            state.Size,
            Math.Max(
                known is null ? 0 : LogMirror.Parse(known).Size,
                seen.Where(other => other.Seen.Note is null).Select(other => other.Seen.Size).DefaultIfEmpty().Max()),
            known);
    }

    private async Task<bool> BeginAsync(
        EntryLog log, PlannedLog planned, LogPosition position, NpgsqlConnection connection,
        CancellationToken cancellationToken)
    {
        if (await log.StateAsync(cancellationToken) is { } ended
            && !await EndAsync(log, ended.Origin, planned.Size, connection, cancellationToken))
            return false;
        var origin = OriginOf(options.Value, log)!;
        var (vkey, now) = (elsewhere.VkeyOf(origin), LogSigning.Milliseconds(clock.GetUtcNow()));
        await AuditRecovery.ExecuteAsync(
            connection, $"INSERT INTO {AuditSchema.Logs} (log, origin, vkey, size) VALUES ($1, $2, $3, 0)",
            cancellationToken, log.Name, origin, vkey);
        LogRecord first = planned.Note is { } note
            ? new LogRecord.Continues(origin, now, vkey, position, note)
            : new LogRecord.Genesis(origin, now, vkey);
        return await log.TryAppendAsync(connection, 0, [first.Encode()], cancellationToken)
            && (log.Name == EntryLog.Heads || await CopyAsync(log, planned.Size, connection, cancellationToken));
    }

    /// <summary>Gives a log's rows its own name, under which nobody writes.</summary>
    private static async Task<bool> EndAsync(
        EntryLog log, string origin, long size, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await AuditRecovery.ExecuteAsync(
            connection, $"UPDATE {AuditSchema.Logs} SET log = $2 WHERE log = $1 AND origin = $2 AND size = $3",
            cancellationToken, log.Name, origin, size) == 0)
            return false;
        foreach (var table in new[] { AuditSchema.Entries, AuditSchema.Hashes, AuditSchema.Checkpoints })
        {
            await AuditRecovery.ExecuteAsync(
                connection, $"UPDATE {table} SET log = $2 WHERE log = $1", cancellationToken, log.Name, origin);
        }

        return true;
    }

    /// <summary>
    /// The statements of devices' keys go on: each names the one before it by its hash, not by its place.
    /// </summary>
    private async Task<bool> CopyAsync(
        EntryLog log, long old, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var size = 1L;
        for (var start = 0L; start < old; start += Tile.WidthMax)
        {
            // Read beside the transaction, which alone sees the old rows under their new name.
            var entries = (await log.EntriesAsync(start, (int)Math.Min(Tile.WidthMax, old - start), cancellationToken))
                .Where(entry => LogRecord.DeviceList.Is(entry)).ToList();
            if (entries.Count > 0 && !await log.TryAppendAsync(connection, size, entries, cancellationToken))
                return false;
            await PostgresDeviceListLog.NoteAsync(connection, size, entries, cancellationToken);
            size += entries.Count;
        }

        return true;
    }
}
