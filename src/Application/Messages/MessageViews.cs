using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Messages;

/// <summary>Opens what the timeline holds, and says of each message what holds for every recipient.</summary>
public sealed class MessageViews(IContentSealer sealer, IReceipts receipts, ErasedUsers erased)
{
    /// <summary>Messages as clients see them, in the order given.</summary>
    public async Task<IReadOnlyList<MessageView>> OfAsync(IReadOnlyCollection<TimelineEntry> messages, CancellationToken cancellationToken)
    {
        if (messages.Count == 0)
            return [];
        var members = await receipts.OfAsync([.. messages.Select(entry => entry.Conversation).Distinct()], cancellationToken);
        await PrepareAsync(messages, cancellationToken);
        var views = new List<MessageView>(messages.Count);
        foreach (var entry in messages)
            views.Add(await OpenAsync(entry, StatusOf(entry, members[entry.Conversation]), cancellationToken));
        return views;
    }

    /// <summary>Fetches at once the keys that opening these entries one by one takes.</summary>
    public ValueTask PrepareAsync(IEnumerable<TimelineEntry> entries, CancellationToken cancellationToken) => sealer.PrepareAsync(
        entries.Where(entry => entry.Message?.Content is not null)
            .Select(entry => (ScopeOf(entry.Conversation, entry.Message!), entry.Message!.Content!)),
        cancellationToken);

    /// <summary>One message with a status that is known.</summary>
    public async ValueTask<MessageView> OpenAsync(TimelineEntry entry, string status, CancellationToken cancellationToken)
    {
        var message = entry.Message!;
        var content = await ContentAsync(entry.Conversation, message, cancellationToken);
        if (content is null && message.Content is not null && await erased.AtAsync(message.Sender, cancellationToken) is { } at)
            message = message with { DeletedAt = at, Reactions = [] }; // With whoever wrote it.
        return MessageView.Of(
            entry.Conversation, entry.Seq, message.MessageId, message.Sender, message.Device, message.Type, content, message.ReplyTo, message.SentAt,
            message.ExpiresAt, status, message.EditedAt, message.DeletedAt, ReactionsOf(message));
    }

    /// <summary>What a message says; null when that is gone.</summary>
    public async ValueTask<MessageContent?> ContentAsync(ConversationId conversation, TimelineMessage message, CancellationToken cancellationToken)
    {
        if (message.Content is null)
            return null;
        var bytes = await sealer.OpenAsync(ScopeOf(conversation, message), message.Content, cancellationToken);
        return bytes is { } content ? MessageContent.FromBytes(content.Span) : null;
    }

    /// <summary><c>read</c> or <c>delivered</c> when that holds for everyone else who could see the message, else <c>sent</c>.</summary>
    public static string StatusOf(TimelineEntry entry, IEnumerable<MemberReceipts> members)
    {
        var (any, delivered, read) = (false, true, true);
        foreach (var member in members.Where(member => member.User != entry.Actor && member.WasMemberAt(entry.Seq)))
        {
            any = true;
            delivered &= member.DeliveredSeq >= entry.Seq;
            read &= member.ReadSeq >= entry.Seq;
        }

        return any && read ? "read" : any && delivered ? "delivered" : "sent";
    }

    private static SealScope ScopeOf(ConversationId conversation, TimelineMessage message) =>
        new(message.ExpiresAt, message.Sender, conversation, message.MessageId);

    /// <summary>Who reacted how, in the order in which they did.</summary>
    private static Dictionary<string, IReadOnlyList<Guid>>? ReactionsOf(TimelineMessage message) => message.Reactions.IsEmpty
        ? null
        : message.Reactions.GroupBy(reaction => reaction.Emoji)
            .ToDictionary(group => group.Key, IReadOnlyList<Guid> (group) => [.. group.Select(reaction => reaction.User)]);
}
