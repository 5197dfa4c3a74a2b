using System.Globalization;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Messages;

/// <summary>
/// Lists messages of one conversation in seq order: the latest ones, those before or after a seq, or those from a time
/// on.
/// </summary>
public static class GetMessages
{
    /// <param name="At">A time in the form of RFC 3339; stands alone. Null for none.</param>
    /// <param name="Cursor">Goes on from an earlier page, whatever began it; null for the first page.</param>
    public sealed record Query(
        UserId Caller, ConversationId Conversation, long? BeforeSeq, long? AfterSeq, string? At, string? Cursor,
        int? Limit) : IRequest<Result>;

    /// <param name="NextCursor">
    /// Leads to later messages from a page that began with <c>after_seq</c> or <c>at</c>, to earlier ones from any
    /// other; null at the end.
    /// </param>
    public sealed record Result(IReadOnlyList<MessageView> Messages, string? NextCursor);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.Limit).InclusiveBetween(1, Paging.LimitMax).OverridePropertyName("limit");
            RuleFor(q => q.BeforeSeq).GreaterThanOrEqualTo(0).OverridePropertyName("before_seq");
            RuleFor(q => q.AfterSeq).GreaterThanOrEqualTo(-1).OverridePropertyName("after_seq");
            RuleFor(q => q.At).Must(at => at is null || Rfc3339.TryParse(at, out _))
                .WithMessage("must be a time with its zone, such as 2026-01-02T03:04:05Z.").OverridePropertyName("at");
            RuleFor(q => q.At).Must((q, at) => at is null || (q.BeforeSeq is null && q.AfterSeq is null))
                .WithMessage("stands alone, without before_seq and after_seq.").OverridePropertyName("at");
        }
    }

    internal sealed class Handler(
        Membership membership, ITimeline timeline, MessageViews views) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var place = Paging.Place(request.Cursor, Place.Parse);
            var (_, member) = await membership.RequireAsync(request.Caller, request.Conversation, cancellationToken);
            place ??= await FirstAsync(request, member.JoinedSeq, cancellationToken);
            var page = await timeline.MessagesAsync(
                request.Conversation, member.JoinedSeq, place.After, place.Before,
                request.Limit ?? Paging.LimitDefault, cancellationToken);
            var next = page.HasMore ? place.Next(page.Messages[0].Seq, page.Messages[^1].Seq).ToString() : null;
            return new Result(await views.OfAsync(page.Messages, cancellationToken), next);
        }

        private async ValueTask<Place> FirstAsync(Query request, long joinedSeq, CancellationToken cancellationToken)
        {
            if (request.At is null)
                return new Place(request.AfterSeq, request.BeforeSeq);
            Rfc3339.TryParse(request.At, out var time);
            var first = await timeline.SeqAtAsync(request.Conversation, joinedSeq, RoundUp(time), cancellationToken);
            return new Place(first - 1, null);
        }

        /// <summary>Times of messages have whole milliseconds.</summary>
        private static DateTimeOffset RoundUp(DateTimeOffset time)
        {
            var over = time.UtcTicks % TimeSpan.TicksPerMillisecond;
            return over == 0 || time.UtcTicks > DateTimeOffset.MaxValue.UtcTicks - TimeSpan.TicksPerMillisecond
                ? time
                : time.AddTicks(TimeSpan.TicksPerMillisecond - over);
        }
    }

    /// <summary>
    /// Where a page begins: after a seq, in ascending order, or else before one, in descending order.
    /// </summary>
    private sealed record Place(long? After, long? Before)
    {
        public static Place Parse(string after, string before) => (Seq(after), Seq(before)) is var (from, to)
            && (from ?? to) is not null ? new Place(from, to) : throw new FormatException();

        /// <summary>The place after a page, in its direction.</summary>
        public Place Next(long firstSeq, long lastSeq) => After is null
            ? new Place(null, firstSeq)
            : this with { After = lastSeq };

        /// <summary>The cursor.</summary>
        public override string ToString() => Paging.Cursor(Text(After), Text(Before));

        private static string Text(long? seq) => seq?.ToString(CultureInfo.InvariantCulture) ?? "";

        private static long? Seq(string text) =>
            text.Length == 0 ? null : long.Parse(text, CultureInfo.InvariantCulture);
    }
}
