using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Media;

/// <summary>Who may download a file: its owner, and whoever sees a message that it was sent with.</summary>
internal sealed class MediaAccess(IMedia media, IConversationWriter conversations, IEventStore log, IReadSide readSide)
{
    /// <summary>How long a message that was just sent, by whatever node, may take to be seen here before its file is said not to exist.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <exception cref="RefusedException">There is no such file, or the caller may not know of it.</exception>
    public async Task<MediaFile> RequireAsync(UserId caller, FileId id, CancellationToken cancellationToken)
    {
        var file = await media.FindAsync(id, cancellationToken) ?? throw new RefusedException(Refusal.FileUnknown);
        if (await MaySeeAsync(caller, file, cancellationToken))
            return file;
        var head = await log.HeadAsync(cancellationToken);
        if (readSide.Position < head && await readSide.WaitForAsync(head, Patience, cancellationToken) && await MaySeeAsync(caller, file, cancellationToken))
            return file;
        throw new RefusedException(Refusal.FileUnknown);
    }

    /// <summary>Membership is asked of the conversation itself: who was removed a moment ago sees nothing more.</summary>
    public async Task<bool> MaySeeAsync(UserId caller, MediaFile file, CancellationToken cancellationToken)
    {
        if (file.Owner == caller)
            return true;
        foreach (var reference in await media.ReferencesAsync(file.Id, caller, cancellationToken))
        {
            var conversation = await conversations.PeekAsync(reference.Conversation, cancellationToken);
            if (conversation.Members.TryGetValue(caller, out var member) && member.JoinedSeq <= reference.Seq)
                return true;
        }

        return false;
    }
}
