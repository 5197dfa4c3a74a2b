using System.Globalization;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Messages;

/// <summary>Lists the caller's unread messages in all conversations: by conversation, oldest first.</summary>
public static class GetUnread
{
    /// <param name="UserId">The caller's id, or null.</param>
    public sealed record Query(UserId Caller, string? UserId, string? Cursor, int? Limit) : IRequest<Result>;

    public sealed record Result(IReadOnlyList<MessageView> Messages, string? NextCursor);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.Limit).InclusiveBetween(1, Paging.LimitMax).OverridePropertyName("limit");
            RuleFor(q => q.UserId).Must(id => id is null || Uuids.TryParse(id, out _)).WithMessage("must be a UUID.")
                .OverridePropertyName("user_id");
        }
    }

    internal sealed class Handler(ITimeline timeline, MessageViews views) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            if (request.UserId is not null && Guid.Parse(request.UserId) != request.Caller.Value)
                throw new RefusedException(Refusal.NotTheCaller);
            var place = Paging.Place(request.Cursor, (conversation, seq) => new UnreadPlace(
                new ConversationId(Guid.Parse(conversation)), long.Parse(seq, CultureInfo.InvariantCulture)));
            var limit = request.Limit ?? Paging.LimitDefault;

            var page = await timeline.UnreadAsync(
                request.Caller, place, new PageSize(limit, PageSize.BytesSmall), cancellationToken);
            var next = page.HasMore
                ? Paging.Cursor(
                    page.Messages[^1].Conversation.ToString(),
                    page.Messages[^1].Seq.ToString(CultureInfo.InvariantCulture))
                : null;
            return new Result(await views.OfAsync(page.Messages, cancellationToken), next);
        }
    }
}
