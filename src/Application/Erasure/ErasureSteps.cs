using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Holds;
using ChatCqrs.Application.Media;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Application.Erasure;

/// <summary>Releases the phone, invalidates its codes and signs every device out.</summary>
internal sealed class EndSessions(
    IRegistrations registrations, IDeviceSessions sessions, KnownUsers known, BlockLists blocks) : IErasureStep
{
    public async Task<bool> RunAsync(UserId user, CancellationToken cancellationToken)
    {
        await registrations.ForgetAsync(user, cancellationToken); // First, so that no new sign-in follows.
        await sessions.RevokeAllAsync(user, cancellationToken);
        known.Forget(user);
        blocks.Forget(user);
        return true;
    }
}

/// <summary>Shreds the user's secret: their messages and profile become unreadable.</summary>
internal sealed class ShredContent(Shredding shredding) : IErasureStep
{
    public async Task<bool> RunAsync(UserId user, CancellationToken cancellationToken)
    {
        await shredding.ShredAsync(user, cancellationToken);
        return true;
    }
}

/// <summary>Removes the user's push subscriptions.</summary>
internal sealed class EndPushes(IPushSubscriptions subscriptions) : IErasureStep
{
    public async Task<bool> RunAsync(UserId user, CancellationToken cancellationToken)
    {
        await subscriptions.ForgetOwnedAsync(user, cancellationToken);
        return true;
    }
}

/// <summary>Erases the user's statements of devices; their entries in the log of keys have hashes only.</summary>
internal sealed class ForgetDeviceLists(IDeviceListLog lists) : IErasureStep
{
    public async Task<bool> RunAsync(UserId user, CancellationToken cancellationToken)
    {
        await lists.ForgetAsync(user, cancellationToken);
        return true;
    }
}

/// <summary>Leaves the user's groups. Direct conversations stay for the other user.</summary>
internal sealed class LeaveGroups(
    IConversationWriter conversations, IInbox inbox, ReadModelsAreCurrent current) : IErasureStep
{
    private const int AtOnce = 16;

    public async Task<bool> RunAsync(UserId user, CancellationToken cancellationToken)
    {
        var isCurrent = await current.IsTrueAsync(cancellationToken);
        foreach (var some in (await inbox.ConversationsAsync(user, cancellationToken)).Chunk(AtOnce))
            await Task.WhenAll(some.Select(conversation => LeaveAsync(conversation, user, cancellationToken)));
        return isCurrent;
    }

    private async Task LeaveAsync(ConversationId id, UserId user, CancellationToken cancellationToken)
    {
        var conversation = await conversations.PeekAsync(id, cancellationToken);
        if (conversation.Kind != ConversationKind.Group || !conversation.IsMember(user))
            return;
        try
        {
            await conversations.ChangeAsync(
                id, new ConversationCommand.RemoveMember(user, user), new Origin(new Actor(user, null), null, null),
                cancellationToken);
        }
        catch (RefusedException refused) when (refused.Refusal == Refusal.ConversationUnknown)
        {
            // Another request removed them first.
        }
    }
}

/// <summary>Removes the user's uploads, and bytes that nobody else uploaded.</summary>
internal sealed class ForgetMedia(IMedia media, IUploads uploads, MediaGarbage garbage, Keeping keeping) : IErasureStep
{
    private const int StepMax = 500;

    public async Task<bool> RunAsync(UserId user, CancellationToken cancellationToken)
    {
        await uploads.ForgetOwnedAsync(user, cancellationToken);
        var gone = 0;
        for (var step = StepMax; step == StepMax; gone += step)
        {
            step = await keeping.RemoveAsync(
                () => media.ForgetOwnedAsync(user, StepMax, cancellationToken), cancellationToken);
        }

        if (gone > 0)
            await garbage.ClearAsync(cancellationToken);
        return true;
    }
}

/// <summary>
/// Truncates the account's stream to its last event: names of devices, blocks and settings go; and blanks its heads in
/// the log of heads. Waits for a published head that covers the stream (docs/audit.md); what was sealed is unreadable
/// already.
/// </summary>
internal sealed class ForgetHistory(
    IEventStore store, IEventCodec codec, IPublishedHeads heads, IHeadOpenings openings, CutLog cuts,
    ReadModelsAreCurrent current)
    : IErasureStep
{
    private const int PageSize = 500;

    public async Task<bool> RunAsync(UserId user, CancellationToken cancellationToken)
    {
        if (!await current.IsTrueAsync(cancellationToken))
            return false; // Truncate only what the read models have applied.
        var stream = StreamName.Of(user);
        var last = await store.ReadStreamAsync(
            stream, long.MaxValue, ReadDirection.Backwards, limit: 2, cancellationToken);
        if (last is not [var end, ..])
            return true;
        if (end.Position > await heads.CoveredAsync(cancellationToken))
            return false;
        await openings.BlankAsync(stream, await PositionsAsync(stream, cancellationToken), cancellationToken);
        if (last is not [_, var before])
            return true; // Nothing is before the last event any more.
        await cuts.NoteAsync(stream, end.Revision, codec.HashOf(before), CutLog.Erased, cancellationToken);
        await store.TruncateAsync(stream, end.Revision, cancellationToken);
        return true;
    }

    private async Task<List<LogPosition>> PositionsAsync(string stream, CancellationToken cancellationToken)
    {
        var positions = new List<LogPosition>();
        for (var from = 0L; ;)
        {
            var page = await store.ReadStreamAsync(
                stream, from, ReadDirection.Forwards, PageSize, cancellationToken);
            positions.AddRange(page.Select(stored => stored.Position));
            if (page.Count < PageSize)
                return positions;
            from = page[^1].Revision + 1;
        }
    }
}

/// <summary>Tells whether the read models have applied all of the log; waits up to <see cref="WaitMax"/>.</summary>
internal sealed class ReadModelsAreCurrent(IEventStore store, IReadSide readSide)
{
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(3);

    public async Task<bool> IsTrueAsync(CancellationToken cancellationToken) =>
        await readSide.WaitForAsync(await store.HeadAsync(cancellationToken), WaitMax, cancellationToken);
}
