using ChatCqrs.Application.Media;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Application.Erasure;

/// <summary>The phone is free again, no code of it is good any more, and every device is signed out.</summary>
internal sealed class EndSessions(IRegistrations registrations, IDeviceSessions sessions, KnownUsers known, BlockLists blocks) : IErasureStep
{
    public async Task<bool> RunAsync(UserId user, CancellationToken cancellationToken)
    {
        await registrations.ForgetAsync(user, cancellationToken); // First: from here on nobody signs in as them.
        await sessions.RevokeAllAsync(user, cancellationToken);
        known.Forget(user);
        blocks.Forget(user);
        return true;
    }
}

/// <summary>What they wrote, and what they said of themselves, can be read no more.</summary>
internal sealed class ShredContent(IContentSealer sealer) : IErasureStep
{
    public async Task<bool> RunAsync(UserId user, CancellationToken cancellationToken)
    {
        await sealer.ShredAsync(user, cancellationToken);
        return true;
    }
}

/// <summary>Nothing of theirs is woken any more.</summary>
internal sealed class EndPushes(IPushSubscriptions subscriptions) : IErasureStep
{
    public async Task<bool> RunAsync(UserId user, CancellationToken cancellationToken)
    {
        await subscriptions.ForgetOwnedAsync(user, cancellationToken);
        return true;
    }
}

/// <summary>They leave their groups. Direct conversations stay for the other one.</summary>
internal sealed class LeaveGroups(IConversationWriter conversations, IInbox inbox, ReadModelsAreCurrent current) : IErasureStep
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
                id, new ConversationCommand.RemoveMember(user, user), new Origin(new Actor(user, null), null, null), cancellationToken);
        }
        catch (RefusedException refused) when (refused.Refusal == Refusal.ConversationUnknown)
        {
            // Somebody else was faster: they do not belong to it any more.
        }
    }
}

/// <summary>Their uploads are gone, and the bytes of those that nobody else has uploaded.</summary>
internal sealed class ForgetMedia(IMedia media, IUploads uploads, MediaGarbage garbage) : IErasureStep
{
    private const int StepMax = 500;

    public async Task<bool> RunAsync(UserId user, CancellationToken cancellationToken)
    {
        await uploads.ForgetOwnedAsync(user, cancellationToken);
        var gone = 0;
        for (var step = StepMax; step == StepMax; gone += step)
            step = await media.ForgetOwnedAsync(user, StepMax, cancellationToken);
        if (gone > 0)
            await garbage.ClearAsync(cancellationToken);
        return true;
    }
}

/// <summary>Of the account's history only its end stays in the log: devices' names, blocks and settings go.</summary>
internal sealed class ForgetHistory(IEventStore store, ReadModelsAreCurrent current) : IErasureStep
{
    public async Task<bool> RunAsync(UserId user, CancellationToken cancellationToken)
    {
        if (!await current.IsTrueAsync(cancellationToken))
            return false; // Nothing is taken away that is not folded yet.
        var last = await store.ReadStreamAsync(StreamName.Of(user), long.MaxValue, ReadDirection.Backwards, limit: 1, cancellationToken);
        if (last.Count > 0)
            await store.TruncateAsync(StreamName.Of(user), last[0].Revision, cancellationToken);
        return true;
    }
}

/// <summary>Whether the read models hold everything that the log holds now; waits a moment for it.</summary>
internal sealed class ReadModelsAreCurrent(IEventStore store, IReadSide readSide)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public async Task<bool> IsTrueAsync(CancellationToken cancellationToken) =>
        await readSide.WaitForAsync(await store.HeadAsync(cancellationToken), Patience, cancellationToken);
}
