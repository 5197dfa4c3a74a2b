using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Application.Auditing;

/// <summary>A receipt from the log.</summary>
/// <param name="Type">The event's wire name.</param>
internal sealed record LoggedReceipt(ReceiptEvent Receipt, string Type, long Revision)
{
    public DateTimeOffset At => Receipt.At;

    public UserId User => AuditedReceipts.UserOf(Receipt);

    public long UpTo => AuditedReceipts.UpTo(Receipt);
}

/// <summary>
/// A conversation's receipts in the order of their times. Nodes' clocks differ a little, so the stream's own order is
/// not quite that of the times: a number of receipts is held back and sorted.
/// </summary>
internal sealed class ReceiptFeed(AuditedLog log, IAsyncEnumerable<IReadOnlyList<StoredEvent>> pages) : IAsyncDisposable
{
    /// <summary>How many receipts are held back; also how many earlier ones a feed begins with.</summary>
    private const int HeldBack = 512;

    private readonly PriorityQueue<LoggedReceipt, (DateTimeOffset At, long Revision)> _next = new();
    private readonly IAsyncEnumerator<IReadOnlyList<StoredEvent>> _pages = pages.GetAsyncEnumerator();
    private bool _isEnd;

    /// <summary>The receipts from a time on, or a few before it; all for none.</summary>
    /// <param name="first">The first revision that the log holds.</param>
    public static async Task<ReceiptFeed> OpenAsync(
        AuditedLog log, ConversationId conversation, long first, DateTimeOffset? from,
        CancellationToken cancellationToken)
    {
        var stream = StreamName.OfReceipts(conversation);
        var last = await log.LastRevisionAsync(stream, cancellationToken);
        var (low, high) = (first, last + 1);
        while (from is not null && low < high)
        {
            var middle = low + ((high - low) / 2);
            var found = await log.OneAsync(stream, middle, cancellationToken);
            if (found is not null && log.DecodeOrNull(found)?.At >= from)
                high = middle;
            else
                low = middle + 1;
        }

        var begin = Math.Max(first, low - HeldBack);
        return new ReceiptFeed(log, log.PagesAsync(stream, begin, last, cancellationToken));
    }

    /// <summary>The next receipt; null at the end.</summary>
    public async ValueTask<LoggedReceipt?> PeekAsync()
    {
        while (!_isEnd && _next.Count < HeldBack)
        {
            if (!await _pages.MoveNextAsync())
            {
                _isEnd = true;
                break;
            }

            foreach (var stored in _pages.Current)
            {
                if (log.DecodeOrNull(stored) is { Event: ReceiptEvent receipt })
                {
                    _next.Enqueue(
                        new LoggedReceipt(receipt, stored.Type, stored.Revision), (receipt.At, stored.Revision));
                }
            }
        }

        return _next.TryPeek(out var next, out _) ? next : null;
    }

    public void Take() => _next.Dequeue();

    public ValueTask DisposeAsync() => _pages.DisposeAsync();
}
