using System.Security.Cryptography;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Infrastructure.Tlog;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>Compares a log with what others know of it, before anything is signed.</summary>
internal sealed class ElsewhereCheck(IEnumerable<IPublishedElsewhere> others, IOptions<AuditOptions> options)
{
    private readonly List<IPublishedElsewhere> _others = [.. others];
    private readonly List<byte[]> _pems = [.. options.Value.KeyFiles.Select(file => File.ReadAllBytes(file))];

    /// <summary>
    /// Asks everybody, then the database, which so has at least what was published when they were asked.
    /// </summary>
    /// <exception cref="AuditBehindException">The database has less than was published.</exception>
    /// <exception cref="AuditHaltedException">It has something else.</exception>
    /// <exception cref="MirrorUnavailableException">Somebody who must be asked cannot be.</exception>
    public async Task CheckAsync(EntryLog log, CancellationToken cancellationToken)
    {
        foreach (var (other, seen) in await SeenAsync(log.Name, cancellationToken))
        {
            var state = await log.StateAsync(cancellationToken);
            if (seen.Note is { } note && !await IsOursAsync(log, state, other, note, cancellationToken))
                continue;
            if (seen.Size > (state?.Size ?? 0))
            {
                throw new AuditBehindException(
                    $"{other.Name} knows {seen.Size} entries of the log of {log.Name}, the database has "
                    + $"{state?.Size ?? 0}. It was restored, or has lost commits: see POST /v1/admin/audit/recovery.");
            }
        }
    }

    /// <summary>What everybody who knows the log knows.</summary>
    public async Task<IReadOnlyList<(IPublishedElsewhere Other, PublishedSize Seen)>> SeenAsync(
        string log, CancellationToken cancellationToken)
    {
        var all = new List<(IPublishedElsewhere, PublishedSize)>(_others.Count);
        foreach (var other in _others)
        {
            if (await other.NewestAsync(log, cancellationToken) is { } seen)
                all.Add((other, seen));
        }

        return all;
    }

    /// <summary>
    /// Whether a known key of this log has signed a checkpoint: that of its row, or that of the settings.
    /// </summary>
    /// <param name="origin">The log's name.</param>
    /// <param name="vkey">Its newest key, as the database knows it; null for none.</param>
    /// <param name="note">The checkpoint.</param>
    public bool IsSigned(string origin, string? vkey, string note)
    {
        var known = _pems.Select(pem => VkeyOf(origin, pem)).Append(vkey).OfType<string>().Distinct()
            .Select(VerifierKey.Parse).ToList();
        return IsSignedBy(note, known);
    }

    /// <summary>Whether one of these keys has signed a checkpoint, and none of them wrongly.</summary>
    public static bool IsSignedBy(string note, IReadOnlyCollection<VerifierKey> known)
    {
        try
        {
            SignedNote.Parse(note).Verify(known);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    /// <summary>The key of the settings, under a log's name.</summary>
    public string VkeyOf(string origin) => VkeyOf(origin, _pems[0]);

    private static string VkeyOf(string origin, byte[] pem)
    {
        using var signer = NoteSigner.Of(origin, pem);
        return signer.Verifier.ToString();
    }

    /// <returns>False for the log that this one continues.</returns>
    private async Task<bool> IsOursAsync(
        EntryLog log, LogState? state, IPublishedElsewhere other, string note, CancellationToken cancellationToken)
    {
        var seen = LogMirror.Parse(note);
        var origin = state?.Origin ?? NewLogs.OriginOf(options.Value, log) ?? seen.Origin;
        if (seen.Origin != origin)
        {
            return await ContinuesAsync(log, seen, cancellationToken)
                ? false
                : throw new AuditHaltedException(
                    $"{other.Name} has a checkpoint of {seen.Origin}, not of {origin}.");
        }

        if (state is null)
            return true;
        if (seen.Size <= state.Size && await log.TreeOf(seen.Size).RootAsync(cancellationToken) == seen.Root)
            return true;
        if (!IsSigned(state.Origin, state.Vkey, note))
        {
            throw new AuditHaltedException(
                $"{other.Name} has a checkpoint that no key of {state.Origin} has signed.");
        }

        return seen.Size > state.Size
            ? true
            : throw new AuditHaltedException(
                $"{other.Name} has other entries of {state.Origin} than the database: it was changed, or went on after "
                + "a restore.");
    }

    private static async Task<bool> ContinuesAsync(
        EntryLog log, Checkpoint seen, CancellationToken cancellationToken) =>
        await log.EntriesAsync(0, 1, cancellationToken) is [var first]
        && LogRecord.Parse(first) is LogRecord.Continues continues
        && LogMirror.Parse(continues.Checkpoint) is var last && last.Origin == seen.Origin && last.Size >= seen.Size;
}
