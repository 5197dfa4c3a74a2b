using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Messages;

/// <summary>Lists all entries of a conversation that the caller may see, in seq order and gap-free.</summary>
public static class GetTimeline
{
    public sealed record Query(
        UserId Caller, ConversationId Conversation, long? AfterSeq, int? Limit) : IRequest<Result>;

    public sealed record Result(IReadOnlyList<TimelineEntryView> Entries, long LastSeq);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.Limit).InclusiveBetween(1, Paging.LimitMax).OverridePropertyName("limit");
            RuleFor(q => q.AfterSeq).GreaterThanOrEqualTo(-1).OverridePropertyName("after_seq");
        }
    }

    internal sealed class Handler(
        Membership membership, ITimeline timeline,
        MessageViews views, UpdateViews updates) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var (conversation, member) = await membership.RequireAsync(
                request.Caller, request.Conversation, cancellationToken);
            var after = Math.Max(request.AfterSeq ?? -1, member.JoinedSeq - 1);
            var entries = await timeline.EntriesAsync(
                request.Conversation, after, request.Limit ?? Paging.LimitDefault, cancellationToken);
            var messages = new Queue<MessageView>(
                await views.OfAsync([.. entries.Where(entry => entry.Message is not null)], cancellationToken));
            var shown = new List<TimelineEntryView>(entries.Count);
            foreach (var entry in entries)
            {
                var update = entry.SeenFrom(member.JoinedSeq).Update;
                var data = update is null
                    ? null
                    : await updates.DataOfAsync(entry.Conversation, update, cancellationToken);
                shown.Add(new TimelineEntryView(
                    entry.Seq, entry.Kind, entry.At, entry.Actor?.Value,
                    entry.Message is null ? null : messages.Dequeue(), data));
            }

            return new Result(shown, conversation.LastSeq);
        }
    }
}
