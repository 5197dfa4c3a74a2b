using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.RateLimits;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Handles <c>sync</c>: sends conversations again after the last seq that the client has. Where that is beyond the end,
/// the log has lost what the client has: a <c>reset</c> tells where the end is.
/// </summary>
internal sealed class SyncHandler(
    IConversationWriter conversations, IEventStore log, ILogIncarnation incarnation, IMessageRate rate)
{
    /// <summary>The most conversations of one <c>sync</c>.</summary>
    private const int ConversationsMax = 1_000;

    public async ValueTask HandleAsync(Connection connection, ClientFrame frame)
    {
        if (frame.Conversations is not { Count: <= ConversationsMax } requested)
        {
            connection.Send(ErrorFrames.Invalid(
                ErrorFrames.ReferenceOf(frame),
                $"conversations must name at most {ConversationsMax} conversations with a seq each."));
            return;
        }

        // Each conversation counts as a frame: it may cost a read of the stores.
        if (requested.Count > 1 && !rate.TryTakeMore(connection.User, requested.Count - 1, out var retryAfter))
        {
            connection.Send(ErrorFrames.RateLimited(ErrorFrames.ReferenceOf(frame), retryAfter));
            return;
        }

        var ranges = new List<(ConversationId, long After, long LastSeq)>();
        foreach (var (id, after) in requested)
        {
            try
            {
                ranges.Add(await RangeAsync(connection, id, after));
            }
            catch (Exception exception) when (exception is RefusedException or StoreUnavailableException)
            {
                connection.Send(FrameWriter.Error(ErrorFrames.ReferenceOf(frame) ?? id, Problems.Of(exception)));
            }
        }

        if (ranges.Count > 0 || requested.Count == 0)
            connection.Rewind(ranges, conversations.LastCommitted);
    }

    private async ValueTask<(ConversationId, long After, long LastSeq)> RangeAsync(
        Connection connection, string id, long after)
    {
        if (!Uuids.TryParse(id, out var value))
            throw new RefusedException(Refusal.ConversationUnknown);
        var conversation = await conversations.PeekAsync(new ConversationId(value), CancellationToken.None);
        if (!conversation.Members.TryGetValue(connection.User, out var member))
            throw new RefusedException(Refusal.ConversationUnknown);
        var last = conversation.LastSeq;
        if (after > last && await LastSeqAsync(new ConversationId(value), last) is var end && end < after)
        {
            connection.Send(FrameWriter.Reset(new ConversationId(value), end, incarnation.Current));
            return (new ConversationId(value), end, end);
        }

        return (new ConversationId(value), Math.Max(after, member.JoinedSeq - 1), Math.Max(after, last));
    }

    /// <summary>
    /// The last seq as the log has it: another node may have appended what this one does not know yet.
    /// </summary>
    /// <param name="known">The last seq in memory, for a stream of which nothing is left.</param>
    private async ValueTask<long> LastSeqAsync(ConversationId id, long known) =>
        await log.ReadStreamAsync(
            StreamName.Of(id), long.MaxValue, ReadDirection.Backwards, limit: 1, CancellationToken.None) is [var entry]
            ? entry.Revision
            : known;
}
