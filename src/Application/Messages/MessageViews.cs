using System.Globalization;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Messages;

/// <summary>
/// Turns timeline entries into views: opens their content and derives their status from the recipients' watermarks.
/// </summary>
public sealed class MessageViews(IContentSealer sealer, IReceipts receipts, ErasedUsers erased)
{
    /// <summary>Opens messages, keeping their order.</summary>
    public async Task<IReadOnlyList<MessageView>> OfAsync(
        IReadOnlyCollection<TimelineEntry> messages, CancellationToken cancellationToken)
    {
        if (messages.Count == 0)
            return [];
        var members = await receipts.OfAsync(
            [.. messages.Select(entry => entry.Conversation).Distinct()], cancellationToken);
        await PrepareAsync(messages, cancellationToken);
        var views = new List<MessageView>(messages.Count);
        foreach (var entry in messages)
            views.Add(await OpenAsync(entry, StatusOf(entry, members[entry.Conversation]), cancellationToken));
        return views;
    }

    /// <summary>Fetches the keys of several entries in one query.</summary>
    public ValueTask PrepareAsync(
        IEnumerable<TimelineEntry> entries, CancellationToken cancellationToken) => sealer.PrepareAsync(
        entries.Where(entry => entry.Message?.Content is not null)
            .Select(entry => (ScopeOf(entry.Conversation, entry.Message!), entry.Message!.Content!)),
        cancellationToken);

    /// <summary>Opens one message whose status is known.</summary>
    public async ValueTask<MessageView> OpenAsync(
        TimelineEntry entry, string status, CancellationToken cancellationToken)
    {
        var message = entry.Message!;
        var content = await ContentAsync(entry.Conversation, message, cancellationToken);
        if (content is null && message.Content is not null
            && await erased.AtAsync(message.Sender, cancellationToken) is { } at)
            message = message with { DeletedAt = at, Reactions = [], Votes = [] }; // Its author was erased.
        return MessageView.Of(
            entry.Conversation, entry.Seq, message.MessageId, message.Sender, message.Device, message.Type, content,
            message.ReplyTo, message.SentAt, message.ExpiresAt, status, message.EditedAt, message.DeletedAt,
            ReactionsOf(message), VotesOf(message));
    }

    /// <summary>A message's content; null if it is gone.</summary>
    public async ValueTask<MessageContent?> ContentAsync(
        ConversationId conversation, TimelineMessage message, CancellationToken cancellationToken)
    {
        if (message.Content is null)
            return null;
        var bytes = await sealer.OpenAsync(ScopeOf(conversation, message), message.Content, cancellationToken);
        return bytes is { } content ? MessageContent.FromBytes(content.Span) : null;
    }

    /// <summary>
    /// <c>read</c> or <c>delivered</c> if that holds for every recipient who is still there, otherwise <c>sent</c>.
    /// Once nobody is, it is what they have left behind.
    /// </summary>
    /// <param name="members">The conversation's current and former members.</param>
    public static string StatusOf(TimelineEntry entry, IEnumerable<MemberReceipts> members)
    {
        var (all, present) = (default(Recipients), default(Recipients));
        foreach (var member in members)
        {
            if (member.User == entry.Actor || !member.WasMemberAt(entry.Seq))
                continue;
            all = all.With(member, entry.Seq);
            if (member.HasBeenMemberSince(entry.Seq))
                present = present.With(member, entry.Seq);
        }

        return (present.Count > 0 ? present : all).Status;
    }

    private readonly record struct Recipients(int Count, int Delivered, int Read)
    {
        public string Status =>
            Count > 0 && Read == Count ? "read"
            : Count > 0 && Delivered == Count ? "delivered"
            : "sent";

        public Recipients With(MemberReceipts member, long seq) => new(
            Count + 1, Delivered + (member.DeliveredSeq >= seq ? 1 : 0), Read + (member.ReadSeq >= seq ? 1 : 0));
    }

    private static SealScope ScopeOf(ConversationId conversation, TimelineMessage message) =>
        new(message.ExpiresAt, message.Sender, conversation, message.MessageId);

    /// <summary>The users by emoji, in order of reaction.</summary>
    private static Dictionary<string, IReadOnlyList<Guid>>? ReactionsOf(TimelineMessage message) =>
        message.Reactions.IsEmpty
        ? null
        : message.Reactions.GroupBy(reaction => reaction.Emoji)
            .ToDictionary(
                group => group.Key, IReadOnlyList<Guid> (group) => [.. group.Select(reaction => reaction.User)]);

    /// <summary>The users by option, in order of voting.</summary>
    private static Dictionary<string, IReadOnlyList<Guid>>? VotesOf(TimelineMessage message) =>
        message.Votes.IsEmpty
        ? null
        : message.Votes.SelectMany(vote => vote.Vote.Options, (vote, option) => (Option: option, vote.User))
            .GroupBy(chosen => chosen.Option).OrderBy(group => group.Key)
            .ToDictionary(
                group => group.Key.ToString(CultureInfo.InvariantCulture),
                IReadOnlyList<Guid> (group) => [.. group.Select(chosen => chosen.User)]);
}
