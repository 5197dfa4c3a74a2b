using System.IO.Pipelines;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Retention;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>
/// Replays a conversation from the log, event by event: each line says what the event changes, as a JSON Patch (RFC
/// 6902). After the last line the patched document is what <see cref="ShowState"/> says. Memory is bounded: pages of
/// the log, the messages that were changed last, and 32 bytes for each message that goes within what is replayed.
/// </summary>
public static class ReplayConversation
{
    /// <param name="FromSeq">The first line brings the state right after this entry; null for the beginning.</param>
    /// <param name="ToSeq">The last entry; null for the newest, and the receipts after it.</param>
    /// <param name="Matter">The open matter of the call; null for none.</param>
    /// <param name="IsHead">Whether nobody reads what is written: then nothing is.</param>
    /// <param name="Output">Where the lines go.</param>
    /// <param name="Written">Called after every line.</param>
    public sealed record Query(
        ConversationId Conversation, long? FromSeq, long? ToSeq, OpenedMatter? Matter, bool IsHead,
        PipeWriter Output, Action Written) : IRequest<Unit>;

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.FromSeq).GreaterThanOrEqualTo(0).OverridePropertyName("from_seq");
            RuleFor(q => q.ToSeq).GreaterThanOrEqualTo(0).OverridePropertyName("to_seq");
            RuleFor(q => q.FromSeq).Must((q, from) => !(from > q.ToSeq))
                .WithMessage("must not be after to_seq.").OverridePropertyName("from_seq");
        }
    }

    internal sealed class Handler(ReplayParts parts) : IRequestHandler<Query, Unit>
    {
        public async Task<Unit> Handle(Query request, CancellationToken cancellationToken)
        {
            var conversation = await parts.Timeline.FindAsync(request.Conversation, cancellationToken)
                ?? throw new RefusedException(Refusal.ConversationUnknown);
            var end = await parts.Moments.OfAsync(conversation, request.ToSeq, time: null, cancellationToken);
            if (request.FromSeq > end.Seq)
                throw new RefusedException(Refusal.SeqBeyondEnd);
            if (request.IsHead)
                return Unit.Value;

            // What was truncated is not replayed entry by entry: the first line brings what is known of it.
            var start = Math.Min(Math.Max(request.FromSeq ?? -1, conversation.Entries.Revision - 1), end.Seq);
            var begin = start < 0 ? null : await parts.Moments.AfterAsync(conversation, start, cancellationToken);
            await using var replay = await Replay.BeginAsync(
                parts, conversation, begin, end, request.ToSeq is not null, request.Matter,
                new ReplayWriter(request.Output, request.Written, cancellationToken), cancellationToken);
            await replay.RunAsync(cancellationToken);
            return Unit.Value;
        }
    }
}

/// <summary>What a replay is made of.</summary>
public sealed class ReplayParts(
    IAuditTimeline timeline, Moments moments, ConversationsAtMoments conversations, AuditedMessages messages,
    AuditedReceipts receipts, AuditedViews views, AuditedLog log, MessageLifetimes lifetimes)
{
    public IAuditTimeline Timeline => timeline;
    public Moments Moments => moments;
    public ConversationsAtMoments Conversations => conversations;
    public AuditedMessages Messages => messages;
    public AuditedReceipts Receipts => receipts;
    public AuditedViews Views => views;
    public AuditedLog Log => log;
    public MessageLifetimes Lifetimes => lifetimes;
}
