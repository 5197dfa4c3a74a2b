using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using MediatR;

namespace ChatCqrs.Application.Receipts;

/// <summary>Lists when each recipient received and read a message. For its sender only.</summary>
public static class GetMessageReceipts
{
    public sealed record Query(UserId Caller, ConversationId Conversation, MessageId Message) : IRequest<Result>;

    public sealed record Result(IReadOnlyList<Recipient> Recipients);

    public sealed record Recipient(Guid UserId, DateTimeOffset? DeliveredAt, DateTimeOffset? ReadAt);

    internal sealed class Handler(
        Membership membership, ITimeline timeline, IReceipts receipts) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var (_, member) = await membership.RequireAsync(request.Caller, request.Conversation, cancellationToken);
            var (entry, _) = await timeline.MessageAsync(
                request.Conversation, request.Message, member, cancellationToken)
                ?? throw new RefusedException(Refusal.MessageUnknown);
            if (entry.Actor != request.Caller)
                throw new RefusedException(Refusal.NotTheSender);
            var times = await receipts.TimesAsync(request.Conversation, entry.Seq, cancellationToken);
            return new Result(
                [
                    .. times.Where(time => time.User != request.Caller && time.WasMemberAt(entry.Seq))
                        .Select(time => new Recipient(time.User.Value, time.DeliveredAt, time.ReadAt)),
                ]);
        }
    }
}
