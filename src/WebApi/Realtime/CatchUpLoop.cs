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
    CatchUpTurns turns, TimeProvider clock, ILogger<CatchUpLoop> logger)
{
    /// <summary>The most entries of one page.</summary>
    private const int EntriesMax = 200;

    /// <summary>How long a client may read nothing at all while a page waits for it.</summary>
    internal static readonly TimeSpan PatienceMax = TimeSpan.FromSeconds(60);

    /// <summary>How long to wait for the read side before an attempt fails.</summary>
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(500);

    /// <summary>The pause after a page without the next entry.</summary>
    private static readonly TimeSpan StuckRetryAfter = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// The most pages in a row without the next entry, although the views were there (10 s). Then it is not in them,
    /// and the connection is closed.
    /// </summary>
    internal const int StuckMax = 500;

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
                await Task.Delay(RetryAfter, clock);
            }
            catch (NoTurnException busy)
            {
                connection.Close(WebSocketCloseStatus.EndpointUnavailable, busy.Message);
                return;
            }
            catch (Exception exception)
            {
                logger.LogError(exception, "A connection could not catch up.");
                connection.Close(
                    WebSocketCloseStatus.EndpointUnavailable, "an entry could not be read: reconnect and sync");
                return;
            }
        }
    }

    private async Task CatchUpAsync(Connection connection)
    {
        if (connection.IsNew)
            await BeginAsync(connection);
        var stuck = 0;
        while (connection.NextMissing(FrameWriter.Synced) is { } missing)
        {
            var step = missing.IsKnown
                ? await SendAsync(connection, missing, await turns.TakeAsync(() => ReadAsync(missing)))
                : await FindStartAsync(connection, missing);
            if (step == Step.Ended || connection.Socket.State != WebSocketState.Open)
                return;
            if (step == Step.Done)
                stuck = 0;
            else if (++stuck > StuckMax)
                throw new InvalidOperationException($"The timeline has no entry {missing.After + 1} to send.");
            else
                await WaitForViewsAsync(missing);
        }
    }

    /// <summary>Reads a page with all that its frames need.</summary>
    private async Task<Page> ReadAsync(MissingRange missing)
    {
        var size = (int)Math.Min(EntriesMax, missing.UpTo - missing.After);
        var entries = await timeline.EntriesAsync(
            missing.Conversation, missing.After, new PageSize(size, PageSize.BytesSmall), CancellationToken.None);
        if (entries.Count == 0)
            return new Page([], []);
        var byConversation = await receipts.OfAsync([missing.Conversation], CancellationToken.None);
        await frames.PrepareAsync(entries);
        return new Page(entries, [.. byConversation[missing.Conversation]]);
    }

    /// <summary>A conversation that the connection does not know begins after what the device has confirmed.</summary>
    private async Task<Step> FindStartAsync(Connection connection, MissingRange missing)
    {
        if (!await readSide.WaitForAsync(missing.Position, WaitMax, CancellationToken.None))
            throw new StoreUnavailableException("The inbox is too far behind.");
        var waiting = await turns.TakeAsync(() => inbox.WaitingInAsync(
            connection.User, connection.Device, missing.Conversation, CancellationToken.None));
        if (waiting is null)
            connection.Abandon(missing.Conversation); // The user is no member.
        else
            connection.Join(missing.Conversation, waiting.DeliveredSeq + 1);
        return Step.Done;
    }

    /// <summary>
    /// Sends one page. A user who was removed from the conversation meanwhile, and perhaps added again, gets only the
    /// entries visible to them now.
    /// </summary>
    private async Task<Step> SendAsync(Connection connection, MissingRange missing, Page page)
    {
        if (page.Entries.Count == 0)
            return Step.Nothing;
        var stay = page.Members.Find(member => member.User == connection.User)?.Stays[^1];
        if (stay is not { LeftSeq: null })
        {
            connection.Abandon(missing.Conversation);
            return Step.Done;
        }

        connection.Join(missing.Conversation, stay.JoinedSeq);
        var step = Step.Nothing;
        foreach (var entry in page.Entries)
        {
            var status = MessageViews.StatusOf(entry, page.Members);
            var frame = await frames.EntryAsync(entry.SeenFrom(stay.JoinedSeq), status);
            if (connection.Fill(missing.Conversation, entry.Seq, frame))
                step = Step.Done;
            if (!await connection.Outbound.RoomAsync(PatienceMax, clock)) // The client's reading sets the pace.
            {
                connection.TooSlow();
                return Step.Ended;
            }
        }

        return step;
    }

    /// <summary>After a page without the next entry: waits until the timeline view holds the missing entries.</summary>
    private async Task WaitForViewsAsync(MissingRange missing)
    {
        if (!await readSide.WaitForAsync(missing.Position, WaitMax, CancellationToken.None))
            throw new StoreUnavailableException("The timeline is too far behind.");
        await Task.Delay(StuckRetryAfter, clock); // The views were there a moment ago, or are about to be.
    }

    /// <summary>
    /// Starts the first catch-up up to the log's head. The connection is registered already, so entries committed later
    /// come to it live.
    /// </summary>
    private async Task BeginAsync(Connection connection)
    {
        var head = await turns.TakeAsync(() => store.HeadAsync(CancellationToken.None));
        if (!await readSide.WaitForAsync(head, WaitMax, CancellationToken.None))
            throw new StoreUnavailableException("The inbox is too far behind.");
        var waiting = await turns.TakeAsync(() => inbox.WaitingAsync(
            connection.User, connection.Device, Connection.ConversationsMax, CancellationToken.None));
        connection.Begin(waiting.Select(item => (item.Conversation, item.JoinedSeq, item.DeliveredSeq, item.LastSeq)));
    }

    /// <summary>What a step of a catch-up came to.</summary>
    private enum Step
    {
        /// <summary>The next entry is not in the views.</summary>
        Nothing,
        Done,

        /// <summary>The client reads too slowly.</summary>
        Ended,
    }

    /// <summary>A page of the timeline.</summary>
    /// <param name="Members">The conversation's members.</param>
    private sealed record Page(IReadOnlyList<TimelineEntry> Entries, List<MemberReceipts> Members);
}
