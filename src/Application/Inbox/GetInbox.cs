using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Projections.Timeline;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Inbox;

/// <summary>Lists the caller's conversations, latest activity first.</summary>
public static class GetInbox
{
    public sealed record Query(UserId Caller, string? Cursor, int? Limit) : IRequest<Result>;

    public sealed record Result(IReadOnlyList<ConversationSummary> Conversations, string? NextCursor);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator() => RuleFor(q => q.Limit).InclusiveBetween(1, Paging.LimitMax).OverridePropertyName("limit");
    }

    internal sealed class Handler(IInbox inbox, MessageViews views, GroupTitles titles, ProfileReader profiles)
        : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var place = Paging.Place(request.Cursor, parts: 3, part => new InboxPlace(
                Paging.Time(part[0]), new ConversationId(Guid.Parse(part[1])), Paging.Time(part[2])));
            var size = new PageSize(request.Limit ?? Paging.LimitDefault, PageSize.BytesSmall);
            var page = await inbox.PageAsync(request.Caller, place, size, cancellationToken);
            var shown = page.Items;
            TimelineEntry[] messages = [.. shown.Select(item => item.LastMessage).OfType<TimelineEntry>()];
            var last = (await views.OfAsync(messages, cancellationToken))
                .ToDictionary(message => message.ConversationId);
            await titles.PrepareAsync(
                shown.Select(item => (item.Conversation.Id, item.Conversation.Title)), cancellationToken);
            var others = await profiles.ProfilesAsync(
                [.. shown.Select(item => item.Other).OfType<UserId>().Distinct()], cancellationToken);
            var summaries = new List<ConversationSummary>(shown.Count);
            foreach (var item in shown)
            {
                var title = await titles.OpenAsync(item.Conversation.Id, item.Conversation.Title, cancellationToken);
                summaries.Add(Summary(
                    item, title, ConversationPartner.Of(item.Other, others),
                    last.GetValueOrDefault(item.Conversation.Id.Value)));
            }

            return new Result(summaries, page.HasMore ? Cursor(shown[^1].Place) : null);
        }

        private static string Cursor(InboxPlace place) =>
            Paging.Cursor(Paging.Cursor(place.UpdatedAt), place.Conversation.ToString(), Paging.Cursor(place.AsOf));

        private static ConversationSummary Summary(
            InboxItem item, string? title, ConversationPartner? with, MessageView? last) => new(
            item.Conversation.Id.Value, item.Conversation.Kind, title, with, item.MemberCount, null,
            item.Conversation.LastSeq, last, item.Unread, item.DeliveredSeq, item.ReadSeq, item.Settings.MutedUntil,
            item.Settings.Pinned, item.Settings.Archived, item.Conversation.UpdatedAt);
    }
}
