using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Tlog;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <inheritdoc cref="IAuditRecovery"/>
internal sealed class AuditRecovery(
    NpgsqlDataSource database, HeldHeads held, ElsewhereCheck elsewhere, NewLogs newLogs,
    IOptions<AuditOptions> options, TimeProvider clock, LogMirror? mirror = null) : IAuditRecovery
{
    /// <summary>What an entry that names a key begins with.</summary>
    private static readonly byte[] KeyEntry = [.. "chatcqrs/key/v1\n"u8];

    private readonly EntryLog _heads = new(EntryLog.Heads, database);
    private readonly EntryLog _keys = new(EntryLog.Keys, database);

    public Task<RecoveryPlan> PlanAsync(CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        var state = await _heads.StateAsync(cancellationToken);
        if (state is not null && options.Value.Origin is { } origin && origin != state.Origin)
            return await newLogs.PlanAsync(cancellationToken);
        var (heads, keys) = (await PlanAsync(_heads, cancellationToken), await PlanAsync(_keys, cancellationToken));
        var isNeeded = heads.Note is not null || keys.Note is not null
            || !(await held.LastAsync(cancellationToken)).IsNewest;
        return new RecoveryPlan(isNeeded ? RecoveryKind.Restored : RecoveryKind.None, heads, keys);
    });

    public Task<bool> RunAsync(RecoveryPlan plan, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        if (plan.Kind == RecoveryKind.Continued)
            return await newLogs.RunAsync(plan, cancellationToken);
        var last = await held.LastAsync(cancellationToken);
        var entry = await EntryAsync(plan.Heads, last, cancellationToken);
        // The keys first: a batch names the size of their log.
        return (plan.Keys.Note is null || await ImportAsync(_keys, plan.Keys, entry, null, cancellationToken))
            && ((plan.Heads.Note is null && last.IsNewest)
                || await ImportAsync(_heads, plan.Heads, entry, last.Number, cancellationToken));
    });

    public async Task<(RecoveredLog Heads, RecoveredLog Keys)> LogsAsync(CancellationToken cancellationToken)
    {
        return (await OfAsync(_heads), await OfAsync(_keys));

        async Task<RecoveredLog> OfAsync(EntryLog log) =>
            await log.StateAsync(cancellationToken) is { } state
                ? new RecoveredLog(state.Origin, state.Size)
                : new RecoveredLog(null, 0);
    }

    private async Task<PlannedLog> PlanAsync(EntryLog log, CancellationToken cancellationToken)
    {
        var seen = await elsewhere.SeenAsync(log.Name, cancellationToken);
        var state = await log.StateAsync(cancellationToken); // After the others were asked: it has what they saw then.
        var origin = state?.Origin ?? NewLogs.OriginOf(options.Value, log);
        var (size, published) = (state?.Size ?? 0, 0L);
        foreach (var (_, other) in seen)
        {
            if (other.Note is { } note && LogMirror.Parse(note) is var there)
            {
                if (there.Origin != origin)
                    continue;
                if (there.Size <= size && await log.TreeOf(there.Size).RootAsync(cancellationToken) != there.Root)
                    throw new RefusedException(Refusal.LogForked);
            }

            published = Math.Max(published, other.Size);
        }

        return published <= size
            ? new PlannedLog(size, published, null)
            : await ImportableAsync(log, state, origin, published, cancellationToken);
    }

    /// <summary>The mirror must have all that was published, signed, and begin with what the database has.</summary>
    private async Task<PlannedLog> ImportableAsync(
        EntryLog log, LogState? state, string? origin, long published, CancellationToken cancellationToken)
    {
        if (mirror is null || origin is null)
            throw new RefusedException(Refusal.NewOriginNeeded);
        if (await mirror.CheckpointAsync(log.Name, cancellationToken) is not { } note
            || LogMirror.Parse(note) is var there && (there.Origin != origin || there.Size < published)
            || !elsewhere.IsSigned(origin, state?.Vkey, note))
            throw new RefusedException(Refusal.MirrorIncomplete);
        if (state is not null)
        {
            var proof = await mirror.TreeOf(log.Name, there.Size).ConsistencyAsync(state.Size, cancellationToken);
            var root = await log.TreeOf(state.Size).RootAsync(cancellationToken);
            if (!MerkleProof.Extends(state.Size, there.Size, root, there.Root, proof))
                throw new RefusedException(Refusal.LogForked);
        }

        return new PlannedLog(state?.Size ?? 0, there.Size, note);
    }

    /// <summary>The entry that tells of the restore: which heads are left, and where the next batch goes on.</summary>
    private async Task<LogRecord.Restored> EntryAsync(
        PlannedLog heads, LastHeld last, CancellationToken cancellationToken)
    {
        LogRecord.Batch? batch = null;
        var newest = DateTimeOffset.MinValue;
        for (var size = Math.Max(heads.Size, heads.Published); size > 0 && batch is null;)
        {
            var start = Tile.Of(0, size - 1, size).Start;
            var entries = heads.Note is null
                ? await _heads.EntriesAsync(start, (int)(size - start), cancellationToken)
                : await mirror!.EntriesAsync(_heads.Name, start, size, cancellationToken);
            var records = entries.Select(entry => LogRecord.Parse(entry)).ToList();
            newest = newest == DateTimeOffset.MinValue ? records[^1].At : newest;
            (batch, size) = (records.OfType<LogRecord.Batch>().LastOrDefault(), start);
        }

        var now = LogSigning.Milliseconds(clock.GetUtcNow());
        return new LogRecord.Restored(
            now > newest ? now : newest, last.Number, last.Time, last.Position, (batch?.Number ?? 0) + 1);
    }

    /// <summary>
    /// One transaction: what is missing, the entry that tells of it, and the checkpoint that was published.
    /// </summary>
    /// <param name="batch">The last batch to keep; null for a log without batches.</param>
    /// <returns>False if the log has changed.</returns>
    private Task<bool> ImportAsync(
        EntryLog log, PlannedLog planned, LogRecord.Restored entry, long? batch, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            var size = planned.Size;
            if (planned.Note is { } note)
            {
                var checkpoint = LogMirror.Parse(note);
                if (await ImportAsync(log, size, checkpoint, connection, cancellationToken) is not { } keys)
                    return false;
                size = checkpoint.Size;
                await PublishedAsync(log, checkpoint, note, connection, cancellationToken);
                await KeysAsync(log, checkpoint.Origin, note, keys, connection, cancellationToken);
            }

            if (!await log.TryAppendAsync(connection, size, [entry.Encode()], cancellationToken))
                return false;
            if (batch is { } kept)
                await ExecuteAsync(
                    connection, $"DELETE FROM {AuditSchema.Batches} WHERE number > $1", cancellationToken, kept);
            await transaction.CommitAsync(cancellationToken);
            return true;
        });

    /// <returns>The keys that the imported entries name; null if the log has changed.</returns>
    private async Task<List<(long Entry, string Vkey)>?> ImportAsync(
        EntryLog log, long size, Checkpoint checkpoint, NpgsqlConnection connection,
        CancellationToken cancellationToken)
    {
        if (size == 0)
            await ExecuteAsync(
                connection, $"INSERT INTO {AuditSchema.Logs} (log, origin, vkey, size) VALUES ($1, $2, $3, 0)",
                cancellationToken, log.Name, checkpoint.Origin, elsewhere.VkeyOf(checkpoint.Origin));
        var keys = new List<(long, string)>();
        while (size < checkpoint.Size)
        {
            var entries = await mirror!.EntriesAsync(log.Name, size, checkpoint.Size, cancellationToken);
            if (!await log.TryAppendAsync(connection, size, entries, cancellationToken))
                return null;
            if (log.Name == EntryLog.Keys)
                await PostgresDeviceListLog.NoteAsync(connection, size, entries, cancellationToken);
            keys.AddRange(entries.Select((entry, at) => (size + at, VkeyOf(entry))).Where(key => key.Item2 is not null)
                .Select(key => (key.Item1, key.Item2!)));
            size += entries.Count;
        }

        return await log.TreeOf(checkpoint.Size, connection).RootAsync(cancellationToken) == checkpoint.Root
            ? keys
            : throw new RefusedException(Refusal.MirrorIncomplete);
    }

    /// <summary>The key that an entry names; null for an entry of another kind.</summary>
    private static string? VkeyOf(byte[] entry) =>
        entry.AsSpan().StartsWith(KeyEntry) ? ((LogRecord.Key)LogRecord.Parse(entry)).Vkey : null;

    private async Task PublishedAsync(
        EntryLog log, Checkpoint checkpoint, string note, NpgsqlConnection connection,
        CancellationToken cancellationToken)
    {
        var last = await mirror!.EntriesAsync(log.Name, checkpoint.Size - 1, checkpoint.Size, cancellationToken);
        await ExecuteAsync(
            connection,
            $"""
            INSERT INTO {AuditSchema.Checkpoints} (log, size, root, time, note, published)
            VALUES ($1, $2, $3, $4, $5, true)
            """,
            cancellationToken, log.Name, checkpoint.Size, checkpoint.Root.ToArray(),
            LogSigning.TimeOf(last[0], clock).UtcDateTime, note);
    }

    /// <summary>
    /// Goes on where a change of the key was (<see cref="KeyRotation"/>): the last imported key is to follow the log's
    /// key, if that still signs, or has followed it.
    /// </summary>
    private async Task KeysAsync(
        EntryLog log, string origin, string note, List<(long Entry, string Vkey)> keys, NpgsqlConnection connection,
        CancellationToken cancellationToken)
    {
        var own = elsewhere.VkeyOf(origin);
        var old = (await log.StateAsync(cancellationToken))?.Vkey ?? own; // As it was before this transaction.
        var vkey = ElsewhereCheck.IsSignedBy(note, [VerifierKey.Parse(old)]) ? old : own;
        if (vkey != old)
        {
            await ExecuteAsync(
                connection,
                $"UPDATE {AuditSchema.Logs} SET vkey = $2, next_vkey = NULL, next_entry = NULL WHERE log = $1",
                cancellationToken, log.Name, vkey);
        }
        else if (keys.LastOrDefault(key => key.Vkey != vkey) is { Vkey: { } next, Entry: var entry })
        {
            await ExecuteAsync(
                connection, $"UPDATE {AuditSchema.Logs} SET next_vkey = $2, next_entry = $3 WHERE log = $1",
                cancellationToken, log.Name, next, entry);
        }
    }

    internal static async Task<int> ExecuteAsync(
        NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = StatementSeconds };
        foreach (var parameter in parameters)
            command.Parameters.Add(new() { Value = parameter });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The longest statement of a recovery: it may touch each entry of a log of years.</summary>
    private const int StatementSeconds = 600;

    private static async Task<T> GuardAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (MirrorUnavailableException exception)
        {
            throw new StoreUnavailableException(exception.Message, exception);
        }
        catch (Exception exception) when (exception is InvalidDataException or FormatException or AuditHaltedException)
        {
            throw new RefusedException(Refusal.MirrorIncomplete);
        }
    }
}
