using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Tlog;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// Creates the logs, and signs and publishes their checkpoints. Each step can be repeated, on any node: Ed25519 is
/// deterministic, so the same size gets the same note.
/// </summary>
internal sealed class LogSigning(
    NpgsqlDataSource database, IOptions<AuditOptions> options, TimeProvider clock)
{
    private const int RandomSize = 4;

    private readonly byte[] _pem = File.ReadAllBytes(options.Value.KeyFile!);

    /// <summary>Creates a log with its genesis, unless it exists.</summary>
    /// <exception cref="AuditHaltedException">It exists under another origin or key.</exception>
    public async Task<LogState> OpenAsync(EntryLog log, CancellationToken cancellationToken)
    {
        if (await log.StateAsync(cancellationToken) is not { } state)
        {
            var origin = await OriginOfAsync(log, cancellationToken);
            using var first = NoteSigner.Of(origin, _pem);
            var genesis = new LogRecord.Genesis(origin, Milliseconds(clock.GetUtcNow()), first.Verifier.ToString());
            await log.CreateAsync(origin, genesis.Vkey, genesis.Encode(), cancellationToken);
            state = (await log.StateAsync(cancellationToken))!;
        }

        if (options.Value.Origin is not null && await OriginOfAsync(log, cancellationToken) is var set
            && state.Origin != set)
            throw new AuditHaltedException($"Audit:Origin says {set}, but the log is {state.Origin}.");
        using var signer = NoteSigner.Of(state.Origin, _pem);
        return signer.Verifier.ToString() == state.Vkey
            ? state
            : throw new AuditHaltedException($"Audit:KeyFile is not the key of {state.Origin}, {state.Vkey}.");
    }

    /// <summary>Signs and publishes the log's size, unless that was done.</summary>
    public async Task SignAsync(EntryLog log, CancellationToken cancellationToken)
    {
        var state = await OpenAsync(log, cancellationToken);
        var signed = await database.QueryAsync(
            $"SELECT published FROM {AuditSchema.Checkpoints} WHERE log = $1 AND size = $2", row => row.GetBoolean(0),
            cancellationToken, log.Name, state.Size);
        if (signed is [true])
            return;
        if (signed.Count == 0)
            await SignAsync(log, state, cancellationToken);
        await PublishAsync(log, state.Size, cancellationToken);
    }

    /// <summary>
    /// Signs an export's list of files, by the key of the log of heads under the name of its exports, which is the
    /// first line of what is signed.
    /// </summary>
    public async Task<(string Key, string Note)> SignExportAsync(string list, CancellationToken cancellationToken)
    {
        var state = await OpenAsync(new EntryLog(EntryLog.Heads, database), cancellationToken);
        using var signer = NoteSigner.Of(state.Origin + "/export", _pem);
        return (state.Vkey, SignedNote.Sign($"{signer.Verifier.Name}\n{list}", signer).ToString());
    }

    public static DateTimeOffset Milliseconds(DateTimeOffset time) =>
        new(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerMillisecond), TimeSpan.Zero);

    private async Task SignAsync(EntryLog log, LogState state, CancellationToken cancellationToken)
    {
        var root = await log.TreeOf(state.Size).RootAsync(cancellationToken);
        var last = await log.EntriesAsync(state.Size - 1, 1, cancellationToken);
        using var signer = NoteSigner.Of(state.Origin, _pem);
        var note = SignedNote.Sign(new Checkpoint(state.Origin, state.Size, root).ToString(), signer);
        await database.ExecuteAsync(
            $"""
            INSERT INTO {AuditSchema.Checkpoints} (log, size, root, time, note, published)
            VALUES ($1, $2, $3, $4, $5, false) ON CONFLICT DO NOTHING
            """,
            cancellationToken, log.Name, state.Size, root.ToArray(), TimeOf(last[0]).UtcDateTime, note.ToString());
    }

    private Task PublishAsync(EntryLog log, long size, CancellationToken cancellationToken) =>
        database.ExecuteAsync(
            $"""
            UPDATE {AuditSchema.Checkpoints} SET published = true WHERE log = $1 AND size = $2 AND NOT published
            """,
            cancellationToken, log.Name, size);

    /// <summary>The time in an entry; now for an entry without one.</summary>
    private DateTimeOffset TimeOf(byte[] entry)
    {
        const string field = "\ntime ";
        var text = Encoding.UTF8.GetString(entry);
        var start = text.IndexOf(field, StringComparison.Ordinal);
        return start < 0
            ? clock.GetUtcNow()
            : TextLines.Time(text[(start + field.Length)..text.IndexOf('\n', start + field.Length)]);
    }

    /// <summary>The log of heads has the origin of the settings, or a made-up one; the other log is beside.</summary>
    private async Task<string> OriginOfAsync(EntryLog log, CancellationToken cancellationToken)
    {
        var heads = options.Value.Origin;
        if (heads is null && log.Name != EntryLog.Heads)
            heads = (await new EntryLog(EntryLog.Heads, database).StateAsync(cancellationToken))?.Origin;
        heads ??= string.Create(
            CultureInfo.InvariantCulture,
            $"localhost/{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(RandomSize))}/{EntryLog.Heads}");
        return heads[..^EntryLog.Heads.Length] + log.Name;
    }
}

/// <summary>A log must not be signed: its operator has to decide.</summary>
internal sealed class AuditHaltedException(string message) : Exception(message);
