using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.RateLimits;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>Handles <c>sync</c>: sends conversations again after the last seq that the client has.</summary>
internal sealed class SyncHandler(IConversationWriter conversations, IMessageRate rate)
{
    /// <summary>The most conversations of one <c>sync</c>.</summary>
    private const int ConversationsMax = 1_000;

    public async ValueTask HandleAsync(Connection connection, ClientFrame frame)
    {
        if (frame.Conversations is not { Count: <= ConversationsMax } requested)
        {
            connection.Send(ErrorFrames.BadRequest(
                ErrorFrames.ReferenceOf(frame), "invalid",
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
                ranges.Add(await RangeAsync(connection.User, id, after));
            }
            catch (Exception exception) when (exception is RefusedException or StoreUnavailableException)
            {
                connection.Send(FrameWriter.Error(ErrorFrames.ReferenceOf(frame) ?? id, Problems.Of(exception)));
            }
        }

        if (ranges.Count > 0 || requested.Count == 0)
            connection.Rewind(ranges, conversations.LastCommitted);
    }

    private async ValueTask<(ConversationId, long After, long LastSeq)> RangeAsync(UserId user, string id, long after)
    {
        if (!Uuids.TryParse(id, out var value))
            throw new RefusedException(Refusal.ConversationUnknown);
        var conversation = await conversations.PeekAsync(new ConversationId(value), CancellationToken.None);
        if (!conversation.Members.TryGetValue(user, out var member))
            throw new RefusedException(Refusal.ConversationUnknown);
        return (new ConversationId(value), Math.Max(after, member.JoinedSeq - 1), conversation.LastSeq);
    }
}
