using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Application.Sweeping;

/// <summary>
/// Brings rows of the views up to date whose number no fold may depend on: messages whose time was shortened, times of
/// receipts of messages that are gone, and those messages themselves. Conversation by conversation, each transaction a
/// bounded number of rows.
/// </summary>
public sealed class RowTrimmer(IExpiry expiry, TimeProvider clock, ILogger<RowTrimmer> logger)
{
    /// <summary>The most rows in one transaction.</summary>
    private const int RowsMax = 500;

    /// <summary>The most conversations that are looked up at once.</summary>
    private const int ConversationsMax = 200;

    /// <summary>
    /// The most transactions in one sweep for one conversation; the next sweep goes on. No list shows what waits.
    /// </summary>
    private const int StepsMax = 100;

    /// <summary>Writes shorter times into the messages that they hold for.</summary>
    /// <returns>The number of conversations that are done.</returns>
    public Task<int> ShortenAsync(CancellationToken cancellationToken) => ForEachAsync(
        (after, limit) => expiry.ShortenedAsync(after, limit, cancellationToken), conversation => conversation,
        conversation => expiry.ShortenAsync(conversation, RowsMax, cancellationToken), cancellationToken);

    /// <summary>Deletes times of receipts of which nobody can ask any more.</summary>
    /// <returns>The number of conversations that are done.</returns>
    public Task<int> TrimReceiptsAsync(CancellationToken cancellationToken) => ForEachAsync(
        (after, limit) => expiry.ReceiptTrimsAsync(after, limit, cancellationToken), trim => trim.Conversation,
        trim => expiry.TrimReceiptsAsync(trim, RowsMax, cancellationToken), cancellationToken);

    /// <summary>Gives messages that are gone their narrow rows.</summary>
    /// <returns>The number of conversations that are done.</returns>
    public Task<int> MoveGoneAsync(CancellationToken cancellationToken) => ForEachAsync(
        (after, limit) => expiry.TruncatedAsync(after, limit, cancellationToken), conversation => conversation,
        conversation => expiry.MoveGoneAsync(conversation, RowsMax, cancellationToken), cancellationToken);

    private async Task<int> ForEachAsync<T>(
        Func<ConversationId?, int, Task<IReadOnlyList<T>>> nextAsync, Func<T, ConversationId> conversationOf,
        Func<T, Task<bool>> stepAsync, CancellationToken cancellationToken)
    {
        ConversationId? last = null;
        for (var done = 0; ;)
        {
            if (await nextAsync(last, ConversationsMax) is not { Count: > 0 } next)
                return done;
            foreach (var item in next)
                done += await IsDoneAsync(item, conversationOf(item), stepAsync, cancellationToken) ? 1 : 0;
            last = conversationOf(next[^1]);
        }
    }

    private async Task<bool> IsDoneAsync<T>(
        T item, ConversationId conversation, Func<T, Task<bool>> stepAsync, CancellationToken cancellationToken)
    {
        try
        {
            for (var steps = 0; steps < StepsMax; steps++)
            {
                var started = clock.GetTimestamp();
                if (!await stepAsync(item))
                    return true;
                await Throttle.PauseAsync(started, clock, cancellationToken);
            }
        }
        catch (Exception exception) when (exception is not (StoreUnavailableException or OperationCanceledException))
        {
            logger.LogError(
                exception, "Rows of {Conversation} could not be brought up to date; it is tried again.", conversation);
        }

        return false;
    }
}
