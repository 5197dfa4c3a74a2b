using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Holds;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Application.Sweeping;

/// <summary>
/// Truncates conversations' streams up to the first message that is kept, as far as snapshots replace the events.
/// Stores the hash that the rest is linked to first, so that the rest stays verifiable. See docs/adr/0081. Never
/// truncates what no published head covers: the next sweep does; nor what a hold covers (docs/audit.md).
/// </summary>
public sealed class LogTrimmer(
    IExpiry expiry, Keeping keeping, IEventStore store, IEventCodec codec, ISnapshots snapshots, IPublishedHeads heads,
    CutLog cuts, TimeProvider clock, ILogger<LogTrimmer> logger)
{
    private const int StepMax = 100;

    /// <returns>The number of conversations truncated.</returns>
    public async Task<int> TrimAsync(CancellationToken cancellationToken)
    {
        ConversationId? last = null;
        for (var all = 0; ;)
        {
            // Taken again for each step, so that a rebuild waits for one step only.
            await using var trims = await expiry.TrimsAsync(cancellationToken);
            if (trims is null || await trims.NextAsync(last, StepMax, cancellationToken) is not { Count: > 0 } next)
                return all;
            var covered = await heads.CoveredAsync(cancellationToken);
            foreach (var trim in next)
            {
                var started = clock.GetTimestamp();
                try
                {
                    if (!await TrimAsync(trims, trim, covered, cancellationToken))
                        continue;
                }
                catch (Exception exception)
                    when (exception is not (StoreUnavailableException or OperationCanceledException))
                {
                    logger.LogError(
                        exception,
                        "The log of {Conversation} could not be made shorter; it is tried again. "
                        + "Others do not wait for it.",
                        trim.Conversation);
                    continue;
                }

                await trims.DoneAsync(trim, cancellationToken);
                await Throttle.PauseAsync(started, clock, cancellationToken);
                all++;
            }

            last = next[^1].Conversation;
        }
    }

    /// <summary>
    /// Truncates both of a conversation's streams. The last snapshot's own event stays, because the next append is
    /// linked to it.
    /// </summary>
    /// <returns>
    /// False if no snapshot includes the last expiry yet, no head covers what is to go, or a hold does.
    /// </returns>
    private async Task<bool> TrimAsync(
        ILogTrims trims, LogTrim trim, LogPosition covered, CancellationToken cancellationToken)
    {
        var snapshot = await snapshots.ConversationAsync(trim.Conversation, cancellationToken);
        if (snapshot is null || snapshot.Revision < trim.ExpirySeq)
            return false;
        var first = Math.Min(trim.KeptFrom, snapshot.Revision);
        return await keeping.TruncateAsync(trim.Conversation, TruncateBothAsync, cancellationToken);

        async Task<bool> TruncateBothAsync()
        {
            var isDone = await TruncateAsync(
                trims, StreamName.Of(trim.Conversation), trim.Conversation, first, covered, cancellationToken);
            if (await snapshots.ReceiptsAsync(trim.Conversation, cancellationToken) is { } receipts)
                isDone &= await TruncateAsync(
                    trims, StreamName.OfReceipts(trim.Conversation), trim.Conversation, receipts.Revision, covered,
                    cancellationToken);
            return isDone;
        }
    }

    /// <returns>False if no published head covers what is to go yet.</returns>
    private async Task<bool> TruncateAsync(
        ILogTrims trims, string stream, ConversationId conversation, long before, LogPosition covered,
        CancellationToken cancellationToken)
    {
        if (before == 0)
            return true;
        var last = await store.ReadStreamAsync(stream, before - 1, ReadDirection.Forwards, limit: 1, cancellationToken);
        if (last is not [{ } stored] || stored.Revision != before - 1)
            return true; // Already truncated up to there, with its start noted.
        if (stored.Position > covered)
            return false;
        var hash = codec.HashOf(stored);
        await trims.NoteStartAsync(stream, conversation, before, hash, cancellationToken);
        await cuts.NoteAsync(stream, before, hash, CutLog.Expired, cancellationToken);
        await store.TruncateAsync(stream, before, cancellationToken);
        return true;
    }
}
