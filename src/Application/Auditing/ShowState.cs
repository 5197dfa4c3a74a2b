using System.Globalization;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Retention;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>
/// Shows how a conversation stood right after an entry, at a time, or now: members, and a page of its messages. The
/// work grows with the page, with what was done to its messages, and with the changes of members; not with the history.
/// </summary>
public static class ShowState
{
    /// <param name="AsOf">A time in the form of RFC 3339; null for none.</param>
    /// <param name="Cursor">Goes on within the same moment, whatever else is asked; null for the first page.</param>
    /// <param name="Matter">The open matter of the call; null for none.</param>
    public sealed record Query(
        ConversationId Conversation, long? AsOfSeq, string? AsOf, string? Cursor, int? Limit, OpenedMatter? Matter)
        : IRequest<AuditedState>;

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.Limit).InclusiveBetween(1, Paging.LimitMax).OverridePropertyName("limit");
            RuleFor(q => q.AsOfSeq).GreaterThanOrEqualTo(0).OverridePropertyName("as_of_seq");
            RuleFor(q => q.AsOf).Must(AskedTime.IsTime).WithMessage(AskedTime.Message).OverridePropertyName("as_of");
            RuleFor(q => q.AsOf).Must((q, asOf) => asOf is null || q.AsOfSeq is null)
                .WithMessage("stands alone, without as_of_seq.").OverridePropertyName("as_of");
        }
    }

    internal sealed class Handler(
        IAuditTimeline timeline, Moments moments, ConversationsAtMoments conversations, AuditedMessages messages,
        AuditedReceipts receipts, AuditedViews views, MessageLifetimes lifetimes, IRecordedBy recordedBy)
        : IRequestHandler<Query, AuditedState>
    {
        /// <summary>Messages that are read from the log at once: a page of the usual size.</summary>
        private const int ReadAtOnce = Paging.LimitDefault;

        public async Task<AuditedState> Handle(Query request, CancellationToken cancellationToken)
        {
            var place = Paging.Place(request.Cursor, 4, Place.Parse);
            var conversation = await timeline.FindAsync(request.Conversation, cancellationToken)
                ?? throw new RefusedException(Refusal.ConversationUnknown);
            var moment = place?.Moment
                ?? await moments.OfAsync(conversation, request.AsOfSeq, request.AsOf, cancellationToken);
            if (moment.Seq > conversation.LastSeq)
                throw new RefusedException(Refusal.InvalidCursor);
            var state = await conversations.AtAsync(conversation.Id, moment.Seq, cancellationToken);
            var marks = await receipts.AtAsync(conversation, state.State.MemberIds, moment, cancellationToken);
            var (entries, next) = await EntriesAsync(
                request, conversation, state, moment, place?.Before ?? moment.Seq + 1, cancellationToken);
            return new AuditedState(
                conversation.Id.Value, moment.Seq, moment.At,
                await recordedBy.OfAsync(conversation.Id, moment.Seq, cancellationToken), conversation.Kind,
                await views.TitleAsync(
                    conversation.Id, state.State.Title, state.TitleAt, request.Matter, cancellationToken),
                Encryption: null,
                new RetentionInfo(
                    lifetimes.DaysOf(state.State.Retention), state.State.Retention.DisappearingSeconds),
                [
                    .. state.State.MemberIds.Select(user => state.State.Members[user]).Select(member =>
                        new AuditedMember(
                            member.User.Value, ConversationNames.Of(member.Role), member.JoinedSeq,
                            marks[member.User].Delivered, marks[member.User].Read)),
                ],
                entries, next is { } before ? new Place(moment, before).ToString() : null);
        }

        /// <summary>Newest first. A page ends with the messages that bring it to its bound in bytes.</summary>
        /// <returns>The messages, and the seq before which more follow; null at the end.</returns>
        private async Task<(List<AuditedEntry> Entries, long? Next)> EntriesAsync(
            Query request, AuditedConversation conversation, ConversationAtMoment state, Moment moment, long before,
            CancellationToken cancellationToken)
        {
            var limit = request.Limit ?? Paging.LimitDefault;
            var rows = await timeline.MessagesAsync(
                conversation.Id, from: 0, before - 1, newestFirst: true, limit + 1, cancellationToken);
            var (shown, bytes) = (new List<AuditedEntry>(limit), 0L);
            foreach (var part in rows.Take(limit).Chunk(ReadAtOnce))
            {
                var found = await messages.AtAsync(
                    conversation, [.. part.Reverse()], state.Shortenings, moment, request.Matter is { Content: true },
                    cancellationToken);
                await views.PrepareAsync(conversation.Id, found, request.Matter, cancellationToken);
                foreach (var message in found.Reverse())
                {
                    bytes += message.Message.Content?.Bytes.Length ?? 0;
                    shown.Add(AuditedViews.Of(message.Message, await views.ShowAsync(
                        conversation.Id, message, request.Matter, cancellationToken)));
                }

                if (bytes >= PageSize.BytesDefault)
                    break;
            }

            return (shown, shown.Count < rows.Count ? shown[^1].Seq : null);
        }
    }

    /// <param name="Before">The seq before which the page begins.</param>
    private sealed record Place(Moment Moment, long Before)
    {
        public static Place Parse(string[] parts)
        {
            var moment = new Moment(Seq(parts[0]), Paging.Time(parts[1]), Paging.Time(parts[2]));
            var before = Seq(parts[3]);
            return moment.Seq >= 0 && before >= 0 && before <= moment.Seq
                ? new Place(moment, before)
                : throw new FormatException();
        }

        /// <summary>The cursor.</summary>
        public override string ToString() => Paging.Cursor(
            Text(Moment.Seq), Text(Moment.At.UtcTicks), Text(Moment.ReceiptsBefore.UtcTicks), Text(Before));

        private static long Seq(string part) => long.Parse(part, CultureInfo.InvariantCulture);

        private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
    }
}

/// <summary>A conversation as it stood at a moment.</summary>
/// <param name="AsOfSeq">The last entry that counts.</param>
/// <param name="AsOf">The moment: the asked time, or that of the entry that was asked for.</param>
/// <param name="RecordedBy">
/// The batch of the log of heads that first covers <paramref name="AsOfSeq"/>: its time is a bound of others' for the
/// server's word. Null while there is none.
/// </param>
/// <param name="Type"><c>direct</c> or <c>group</c>.</param>
/// <param name="Title">A group's title; null outside of a matter that covers it.</param>
/// <param name="Encryption">How messages are encrypted end to end; null for not at all.</param>
/// <param name="Members">The members of that moment, longest membership first.</param>
/// <param name="Entries">Messages, newest first.</param>
public sealed record AuditedState(
    Guid ConversationId, long AsOfSeq, DateTimeOffset AsOf, RecordedBatch? RecordedBy, string Type, string? Title,
    string? Encryption, RetentionInfo Retention, IReadOnlyList<AuditedMember> Members,
    IReadOnlyList<AuditedEntry> Entries, string? NextCursor);
