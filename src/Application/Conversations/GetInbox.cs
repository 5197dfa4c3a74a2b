using System.Globalization;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Conversations;

/// <summary>The caller's conversations, newest activity first.</summary>
public static class GetInbox
{
    public sealed record Query(UserId Caller, string? Cursor, int? Limit) : IRequest<Result>;

    public sealed record Result(IReadOnlyList<ConversationSummary> Conversations, string? NextCursor);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator() => RuleFor(q => q.Limit).InclusiveBetween(1, Paging.LimitMax).OverridePropertyName("limit");
    }

    internal sealed class Handler(IInbox inbox, MessageViews views) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var place = Paging.Place(request.Cursor, (ticks, conversation) => new InboxPlace(
                new DateTimeOffset(long.Parse(ticks, CultureInfo.InvariantCulture), TimeSpan.Zero), new ConversationId(Guid.Parse(conversation))));
            var limit = request.Limit ?? Paging.LimitDefault;
            var page = await inbox.PageAsync(request.Caller, place, limit + 1, cancellationToken);
            var shown = page.Take(limit).ToList();
            var last = (await views.OfAsync([.. shown.Select(item => item.LastMessage).OfType<Projections.Timeline.TimelineEntry>()], cancellationToken))
                .ToDictionary(message => message.ConversationId);
            return new Result(
                [.. shown.Select(item => Summary(item, last.GetValueOrDefault(item.Conversation.Id.Value)))],
                page.Count > limit ? Paging.Cursor(Paging.Cursor(shown[^1].Conversation.UpdatedAt), shown[^1].Conversation.Id.ToString()) : null);
        }

        private static ConversationSummary Summary(InboxItem item, MessageView? last) => new(
            item.Conversation.Id.Value, item.Conversation.Kind, null, item.Conversation.LastSeq, last, item.Unread,
            item.DeliveredSeq, item.ReadSeq, null, false, false, item.Conversation.UpdatedAt);
    }
}
