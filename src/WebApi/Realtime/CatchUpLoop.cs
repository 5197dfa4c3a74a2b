using System.Net.WebSockets;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Sends a connection what it is missing: after the welcome everything that its device has not confirmed, later whatever a gap or a <c>sync</c>
/// asks for. Reads the timeline view; waits for it where the log is ahead of it.
/// </summary>
internal sealed class CatchUpLoop(
    IEventStore store, IReadSide readSide, IInbox inbox, ITimeline timeline, IReceipts receipts, FrameWriter frames, TimeProvider clock,
    ILogger<CatchUpLoop> logger)
{
    private const int EntriesMax = 200;

    /// <summary>How long a reader may take nothing at all of what waits for it, while a page is held for it.</summary>
    internal static readonly TimeSpan PatienceMax = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan EmptyRetryAfter = TimeSpan.FromMilliseconds(20);

    /// <summary>After so many failures in a row the client is told to come again.</summary>
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
            var page = await timeline.EntriesAsync(
                missing.Conversation, missing.After, new PageSize((int)Math.Min(EntriesMax, missing.UpTo - missing.After), PageSize.BytesSmall), CancellationToken.None);
            var members = page.Count == 0 ? [] : (await receipts.OfAsync([missing.Conversation], CancellationToken.None))[missing.Conversation].ToList();
            var joinedSeq = 0L;
            if (page.Count > 0)
            {
                // Whoever was taken out meanwhile, or taken in again, gets no more than what they may see now.
                var stay = members.Find(member => member.User == connection.User)?.Stays[^1];
                if (stay is not { LeftSeq: null })
                {
                    connection.Abandon(missing.Conversation);
                    continue;
                }

                joinedSeq = stay.JoinedSeq;
                connection.Join(missing.Conversation, joinedSeq);
            }

            foreach (var entry in page)
            {
                connection.Fill(missing.Conversation, entry.Seq, await frames.EntryAsync(entry.SeenFrom(joinedSeq), MessageViews.StatusOf(entry, members)));
                if (!await connection.Outbound.RoomAsync(PatienceMax, clock)) // A reader sets the pace of its own catch-up.
                {
                    connection.TooSlow();
                    return;
                }
            }

            if (connection.Socket.State != WebSocketState.Open)
                return;
            if (page.Count == 0 && !await readSide.WaitForAsync(missing.Position, WaitMax, CancellationToken.None))
                throw new StoreUnavailableException("The timeline is too far behind.");
            if (page.Count == 0)
                await Task.Delay(EmptyRetryAfter); // The views were there a moment ago, or are about to be.
        }
    }

    /// <summary>The connection is registered already: what is committed after the log's head that is read here comes to it live.</summary>
    private async Task BeginAsync(Connection connection)
    {
        var head = await store.HeadAsync(CancellationToken.None);
        if (!await readSide.WaitForAsync(head, WaitMax, CancellationToken.None))
            throw new StoreUnavailableException("The inbox is too far behind.");
        var waiting = await inbox.WaitingAsync(connection.User, connection.Device, CancellationToken.None);
        connection.Begin(waiting.Select(item => (item.Conversation, item.JoinedSeq, item.DeliveredSeq, item.LastSeq)));
    }
}
