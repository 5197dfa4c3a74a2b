using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Auditing;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Auditing;

/// <summary>What a conversation was at a moment, but for its messages and receipts.</summary>
/// <param name="State">Members, roles, title, retention.</param>
/// <param name="TitleAt">The time of the entry that gave the title.</param>
/// <param name="Shortenings">All up to the moment.</param>
public sealed record ConversationAtMoment(
    Conversation State, DateTimeOffset TitleAt, IReadOnlyList<ShorteningEntry> Shortenings)
{
    public static readonly ConversationAtMoment NotStarted =
        new(Conversation.NotStarted, DateTimeOffset.MinValue, []);

    /// <param name="seq">The entry's seq. The domain counts entries itself, and those between were left out.</param>
    public ConversationAtMoment After(long seq, ConversationEvent entry) => new(
        Conversation.Evolve(State with { LastSeq = seq - 1 }, entry),
        entry is ConversationEvent.ConversationStarted or ConversationEvent.GroupRenamed ? entry.At : TitleAt,
        entry is ConversationEvent.RetentionChanged { Shortened: not null } change
            ? [.. Shortenings, new ShorteningEntry(seq, change)]
            : Shortenings);
}

/// <summary>
/// Folds conversations up to a moment, from the entries of members, roles, titles and retention alone.
/// </summary>
public sealed class ConversationsAtMoments(IAuditTimeline timeline)
{
    public async Task<ConversationAtMoment> AtAsync(
        ConversationId conversation, long seq, CancellationToken cancellationToken)
    {
        var state = ConversationAtMoment.NotStarted;
        var changes = await timeline.ChangesAsync(
            conversation, [TimelineProjection.TheConversation], seq, cancellationToken);
        foreach (var change in changes)
            state = state.After(change.Seq, change.Update!);
        return state;
    }
}
