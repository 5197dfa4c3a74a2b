using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Checks who may download a file: its owner, and everyone who may see a message with it; an avatar everyone who is
/// signed in, while it is one.
/// </summary>
internal sealed class MediaAccess(
    IMedia media, IConversationWriter conversations, UserWriter users, IEventStore log, IReadSide readSide)
{
    /// <summary>
    /// How long to wait for the views to show a message that was just sent, on any node, before its file counts as
    /// unknown.
    /// </summary>
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(3);

    /// <exception cref="RefusedException">The file does not exist, or the caller may not know of it.</exception>
    public async Task<MediaFile> RequireAsync(UserId caller, FileId id, CancellationToken cancellationToken)
    {
        var file = await media.FindAsync(id, cancellationToken) ?? throw new RefusedException(Refusal.FileUnknown);
        var seen = readSide.Position; // Before the look-up: the views may show more by its end.
        if (await MaySeeAsync(caller, file, cancellationToken) || await IsAvatarAsync(file, cancellationToken))
            return file;
        var head = await log.HeadAsync(cancellationToken);
        if (seen < head
            && await readSide.WaitForAsync(head, WaitMax, cancellationToken)
            && await MaySeeAsync(caller, file, cancellationToken))
            return file;
        throw new RefusedException(Refusal.FileUnknown);
    }

    /// <summary>
    /// Checks membership in the conversation's state, not in a view: a removed member loses access at once. An avatar
    /// does not count, so that nobody can keep another one's picture by sending it.
    /// </summary>
    public async Task<bool> MaySeeAsync(FoundFile file, CancellationToken cancellationToken)
    {
        if (file.IsOwn)
            return true;
        foreach (var reference in file.References)
        {
            var conversation = await conversations.PeekAsync(reference.Conversation, cancellationToken);
            if (conversation.Members.TryGetValue(file.User, out var member) && member.JoinedSeq <= reference.Seq)
                return true;
        }

        return false;
    }

    private async Task<bool> MaySeeAsync(UserId caller, MediaFile file, CancellationToken cancellationToken) =>
        file.Owner == caller
        || (await media.FindForAsync([(caller, file.Id)], cancellationToken) is [{ } found]
            && await MaySeeAsync(found, cancellationToken));

    /// <summary>Asks the account's state, not a view: who has changed the avatar has hidden the old one.</summary>
    private async Task<bool> IsAvatarAsync(MediaFile file, CancellationToken cancellationToken) =>
        file.IsImage && (await users.ReadAsync(file.Owner, cancellationToken)).User.Avatar == file.Id;
}
