using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Media;

/// <summary>Why somebody may download a file. The numbers are part of signed links.</summary>
internal enum AccessBy : byte
{
    /// <summary>They uploaded it.</summary>
    Upload = 1,

    /// <summary>They may see a message with it.</summary>
    Message = 2,

    /// <summary>It is its owner's avatar.</summary>
    Avatar = 3,
}

/// <summary>A file that somebody may download.</summary>
internal sealed record OpenFile(MediaFile File, AccessBy By);

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
    public async Task<OpenFile> RequireAsync(UserId caller, FileId id, CancellationToken cancellationToken) =>
        await OpenAsync(caller, [id], cancellationToken) is [var file]
            ? file
            : throw new RefusedException(Refusal.FileUnknown);

    /// <returns>Those of the files that the caller may download, in any order.</returns>
    /// <param name="ids">Each file once.</param>
    public async Task<IReadOnlyList<OpenFile>> OpenAsync(
        UserId caller, IReadOnlyCollection<FileId> ids, CancellationToken cancellationToken)
    {
        var seen = readSide.Position; // Before the look-up: the views may show more by its end.
        var files = await media.FindAsync(ids, cancellationToken);
        var open = await OpenAsync(caller, files, cancellationToken);
        if (open.Count == files.Count)
            return open;
        var head = await log.HeadAsync(cancellationToken);
        if (seen >= head || !await readSide.WaitForAsync(head, WaitMax, cancellationToken))
            return open;
        var hidden = files.Except(open.Select(file => file.File)).ToList();
        return [.. open, .. await OpenAsync(caller, hidden, cancellationToken)];
    }

    /// <summary>Whether a file is still open for the reason for which a link to it was made.</summary>
    public Task<bool> IsOpenAsync(OpenFile file, CancellationToken cancellationToken) => file.By switch
    {
        AccessBy.Upload => Task.FromResult(true),
        AccessBy.Message => media.IsSentAsync(file.File.Id, cancellationToken),
        AccessBy.Avatar => IsAvatarAsync(file.File, cancellationToken),
        _ => Task.FromResult(false),
    };

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

    private async Task<List<OpenFile>> OpenAsync(
        UserId caller, IReadOnlyList<MediaFile> files, CancellationToken cancellationToken)
    {
        var others = files.Where(file => file.Owner != caller).ToDictionary(file => file.Id);
        var open = files.Where(file => file.Owner == caller)
            .Select(file => new OpenFile(file, AccessBy.Upload)).ToList();
        if (others.Count == 0)
            return open;
        foreach (var found in await media.FindForAsync([.. others.Keys.Select(id => (caller, id))], cancellationToken))
        {
            var file = others[found.File];
            if (await MaySeeAsync(found, cancellationToken))
                open.Add(new OpenFile(file, AccessBy.Message));
            else if (await IsAvatarAsync(file, cancellationToken))
                open.Add(new OpenFile(file, AccessBy.Avatar));
        }

        return open;
    }

    /// <summary>Asks the account's state, not a view: who has changed the avatar has hidden the old one.</summary>
    private async Task<bool> IsAvatarAsync(MediaFile file, CancellationToken cancellationToken) =>
        file.IsImage && (await users.ReadAsync(file.Owner, cancellationToken)).User.Avatar == file.Id;
}
