using System.Net.WebSockets;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Sends a connection its missing entries: after the welcome all that its device has not confirmed as delivered, later
/// the entries of a gap or a <c>sync</c>. Reads the timeline view, and waits for it where it is behind the log.
/// </summary>
internal sealed class CatchUpLoop(
    IEventStore store, IReadSide readSide, IInbox inbox, ITimeline timeline, IReceipts receipts, FrameWriter frames,
    TimeProvider clock, ILogger<CatchUpLoop> logger)
{
    /// <summary>The most entries of one page.</summary>
    private const int EntriesMax = 200;

    /// <summary>How long a client may read nothing at all while a page waits for it.</summary>
    internal static readonly TimeSpan PatienceMax = TimeSpan.FromSeconds(60);

    /// <summary>How long to wait for the read side before an attempt fails.</summary>
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(500);

    /// <summary>The pause after an empty page.</summary>
    private static readonly TimeSpan EmptyRetryAfter = TimeSpan.FromMilliseconds(20);

    /// <summary>The most failures in a row; then the connection is closed.</summary>
    private const int FailuresMax = 60;

    public void Start(Connection connection) => _ = Task.Run(() => RunAsync(connection));

    private async Task RunAsync(Connection connection)
    {
        for (var failures = 0; connection.Socket.State == WebSocketState.Open;)
        {
            try
            {
                await CatchUpAsync(connection);
                return;
            }
            catch (StoreUnavailableException) when (++failures < FailuresMax)
            {
                await Task.Delay(RetryAfter);
            }
            catch (Exception exception)
            {
                logger.LogError(exception, "A connection could not catch up.");
                connection.Close(WebSocketCloseStatus.InternalServerError, "reconnect and sync");
                return;
            }
        }
    }

    private async Task CatchUpAsync(Connection connection)
    {
        if (connection.IsNew)
            await BeginAsync(connection);
        while (connection.NextMissing(FrameWriter.Synced) is { } missing)
        {
            var size = (int)Math.Min(EntriesMax, missing.UpTo - missing.After);
            var page = await timeline.EntriesAsync(
                missing.Conversation, missing.After, new PageSize(size, PageSize.BytesSmall), CancellationToken.None);
            if (page.Count == 0)
            {
                if (connection.Socket.State != WebSocketState.Open)
                    return;
                await WaitForViewsAsync(missing);
            }
            else if (!await SendAsync(connection, missing, page))
            {
                return;
            }
        }
    }

    /// <summary>
    /// Sends one page. A user who was removed from the conversation meanwhile, and perhaps added again, gets only the
    /// entries visible to them now.
    /// </summary>
    /// <returns>False when the connection has ended or reads too slowly.</returns>
    private async Task<bool> SendAsync(Connection connection, MissingRange missing, IReadOnlyList<TimelineEntry> page)
    {
        var byConversation = await receipts.OfAsync([missing.Conversation], CancellationToken.None);
        var members = byConversation[missing.Conversation].ToList();
        var stay = members.Find(member => member.User == connection.User)?.Stays[^1];
        if (stay is not { LeftSeq: null })
        {
            connection.Abandon(missing.Conversation);
            return true;
        }

        connection.Join(missing.Conversation, stay.JoinedSeq);
        foreach (var entry in page)
        {
            var status = MessageViews.StatusOf(entry, members);
            var frame = await frames.EntryAsync(entry.SeenFrom(stay.JoinedSeq), status);
            connection.Fill(missing.Conversation, entry.Seq, frame);
            if (!await connection.Outbound.RoomAsync(PatienceMax, clock)) // The client's reading sets the pace.
            {
                connection.TooSlow();
                return false;
            }
        }

        return connection.Socket.State == WebSocketState.Open;
    }

    /// <summary>After an empty page: waits until the timeline view holds the missing entries.</summary>
    private async Task WaitForViewsAsync(MissingRange missing)
    {
        if (!await readSide.WaitForAsync(missing.Position, WaitMax, CancellationToken.None))
            throw new StoreUnavailableException("The timeline is too far behind.");
        await Task.Delay(EmptyRetryAfter); // The views were there a moment ago, or are about to be.
    }

    /// <summary>
    /// Starts the first catch-up up to the log's head. The connection is registered already, so entries committed later
    /// come to it live.
    /// </summary>
    private async Task BeginAsync(Connection connection)
    {
        var head = await store.HeadAsync(CancellationToken.None);
        if (!await readSide.WaitForAsync(head, WaitMax, CancellationToken.None))
            throw new StoreUnavailableException("The inbox is too far behind.");
        var waiting = await inbox.WaitingAsync(connection.User, connection.Device, CancellationToken.None);
        connection.Begin(waiting.Select(item => (item.Conversation, item.JoinedSeq, item.DeliveredSeq, item.LastSeq)));
    }
}
