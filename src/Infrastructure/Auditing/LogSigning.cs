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
    NpgsqlDataSource database, IOptions<AuditOptions> options, TimeProvider clock, ElsewhereCheck elsewhere,
    LogMirror? mirror = null)
{
    private const int RandomSize = 4;

    /// <summary>The key of <c>Audit:KeyFile</c>, and that of <c>Audit:NextKeyFile</c>, if there is one.</summary>
    private readonly IReadOnlyList<byte[]> _pems =
        [.. options.Value.KeyFiles.Select(file => File.ReadAllBytes(file))];

    /// <summary>
    /// Creates a log with its genesis, unless it exists. Goes on to the key that follows, once that is the node's own.
    /// </summary>
    /// <exception cref="AuditHaltedException">It exists under another origin or key.</exception>
    public async Task<LogState> OpenAsync(EntryLog log, CancellationToken cancellationToken)
    {
        if (await log.StateAsync(cancellationToken) is not { } state)
        {
            await elsewhere.CheckAsync(log, cancellationToken);
            var origin = await OriginOfAsync(log, cancellationToken);
            var genesis = new LogRecord.Genesis(origin, Milliseconds(clock.GetUtcNow()), VkeyOf(origin, _pems[0]));
            await log.CreateAsync(origin, genesis.Vkey, genesis.Encode(), cancellationToken);
            state = (await log.StateAsync(cancellationToken))!;
        }

        if (options.Value.Origin is not null && await OriginOfAsync(log, cancellationToken) is var set
            && state.Origin != set)
            throw new AuditHaltedException($"Audit:Origin says {set}, but the log is {state.Origin}.");
        var own = VkeyOf(state.Origin, _pems[0]);
        if (state.NextVkey == own && await KeyRotation.FollowAsync(database, log, own, cancellationToken))
            state = state with { Vkey = own, NextVkey = null };
        return PemOf(state, state.Vkey) is not null
            ? state
            : throw new AuditHaltedException(state.NextVkey == own
                ? $"The old key of {state.Origin} has not signed yet that {own} follows it: Audit:KeyFile must be the "
                    + "old key until then, and Audit:NextKeyFile the new one."
                : $"Audit:KeyFile is not the key of {state.Origin}, {state.Vkey}.");
    }

    /// <inheritdoc cref="ElsewhereCheck.CheckAsync"/>
    public Task CheckAsync(EntryLog log, CancellationToken cancellationToken) =>
        elsewhere.CheckAsync(log, cancellationToken);

    /// <summary>
    /// Signs and publishes the log's size, unless that was done. A size that not all of the log's keys have signed gets
    /// the missing signatures. What is published is in the mirror before. With <see cref="AuditOptions.Quorum"/>
    /// witnesses decide when it is published (<see cref="Witnesses"/>).
    /// </summary>
    /// <exception cref="AuditHaltedException">
    /// Somebody else knows more of the log than the database has, or something else.
    /// </exception>
    /// <exception cref="MirrorUnavailableException">The mirror cannot be read or written.</exception>
    public async Task SignAsync(EntryLog log, CancellationToken cancellationToken)
    {
        await elsewhere.CheckAsync(log, cancellationToken);
        var state = await OpenAsync(log, cancellationToken);
        var signed = await log.CheckpointAsync(state.Size, cancellationToken);
        if (signed is null)
            await SignAsync(log, state, cancellationToken);
        else
            await SignAlsoAsync(log, state, signed.Note, cancellationToken);
        if (signed is not { IsPublished: true } && options.Value.Quorum)
            return;
        if (mirror is not null && await log.CheckpointAsync(state.Size, cancellationToken) is { } shown)
            await mirror.WriteAsync(log, state.Size, shown.Note, cancellationToken);
        if (signed is not { IsPublished: true })
            await PublishAsync(log, state.Size, cancellationToken);
    }

    /// <summary>
    /// Appends an entry that names the key of <see cref="AuditOptions.NextKeyFile"/>, unless the log names it, and
    /// signs it, from then on by both keys.
    /// </summary>
    public async Task AnnounceAsync(EntryLog log, CancellationToken cancellationToken)
    {
        var state = await OpenAsync(log, cancellationToken);
        if (_pems.Count == 1 || VkeyOf(state.Origin, _pems[1]) is var next
            && (next == state.Vkey || next == state.NextVkey))
            return;
        var last = TimeOf((await log.EntriesAsync(state.Size - 1, 1, cancellationToken))[0], clock);
        var now = Milliseconds(clock.GetUtcNow());
        var entry = new LogRecord.Key(now > last ? now : last, next);
        if (await KeyRotation.AnnounceAsync(database, log, state.Size, entry, cancellationToken))
            await SignAsync(log, cancellationToken);
    }

    /// <summary>
    /// Signs an export's list of files, by the key of the log of heads under the name of its exports, which is the
    /// first line of what is signed.
    /// </summary>
    public async Task<(string Key, string Note)> SignExportAsync(string list, CancellationToken cancellationToken)
    {
        var state = await OpenAsync(new EntryLog(EntryLog.Heads, database), cancellationToken);
        using var signer = NoteSigner.Of(state.Origin + "/export", PemOf(state, state.Vkey)!);
        return (state.Vkey, SignedNote.Sign($"{signer.Verifier.Name}\n{list}", signer).ToString());
    }

    public static DateTimeOffset Milliseconds(DateTimeOffset time) =>
        new(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerMillisecond), TimeSpan.Zero);

    private async Task SignAsync(EntryLog log, LogState state, CancellationToken cancellationToken)
    {
        var root = await log.TreeOf(state.Size).RootAsync(cancellationToken);
        var last = await log.EntriesAsync(state.Size - 1, 1, cancellationToken);
        var text = new Checkpoint(state.Origin, state.Size, root).ToString();
        var note = new SignedNote(text, [.. KeysOf(state).Select(pem => SignatureOf(state, pem, text))]);
        await database.ExecuteAsync(
            $"""
            INSERT INTO {AuditSchema.Checkpoints} (log, size, root, time, note, published)
            VALUES ($1, $2, $3, $4, $5, false) ON CONFLICT DO NOTHING
            """,
            cancellationToken, log.Name, state.Size, root.ToArray(), TimeOf(last[0], clock).UtcDateTime,
            note.ToString());
    }

    /// <summary>Adds the signatures of keys of the log that have not signed this size.</summary>
    private async Task SignAlsoAsync(EntryLog log, LogState state, string stored, CancellationToken cancellationToken)
    {
        var text = SignedNote.Parse(stored).Text;
        await log.AddSignaturesAsync(
            state.Size, [.. KeysOf(state).Select(pem => SignatureOf(state, pem, text))], isPublished: false,
            cancellationToken);
    }

    /// <summary>The private keys of those who sign the log: the current one first.</summary>
    private IEnumerable<byte[]> KeysOf(LogState state) =>
        new[] { state.Vkey, state.NextVkey }.OfType<string>().Select(vkey => PemOf(state, vkey)).OfType<byte[]>();

    private byte[]? PemOf(LogState state, string vkey) =>
        _pems.FirstOrDefault(pem => VkeyOf(state.Origin, pem) == vkey);

    private static NoteSignature SignatureOf(LogState state, byte[] pem, string text)
    {
        using var signer = NoteSigner.Of(state.Origin, pem);
        return signer.Sign(text);
    }

    private static string VkeyOf(string origin, byte[] pem)
    {
        using var signer = NoteSigner.Of(origin, pem);
        return signer.Verifier.ToString();
    }

    private Task PublishAsync(EntryLog log, long size, CancellationToken cancellationToken) =>
        database.ExecuteAsync(
            $"""
            UPDATE {AuditSchema.Checkpoints} SET published = true WHERE log = $1 AND size = $2 AND NOT published
            """,
            cancellationToken, log.Name, size);

    /// <summary>The time in an entry; now for an entry without one.</summary>
    internal static DateTimeOffset TimeOf(byte[] entry, TimeProvider clock)
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
