using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>Shows the events of a conversation's stream, or of its receipts, byte for byte, as a page.</summary>
public static class ReadEvents
{
    public const string Conversation = "conversation";
    public const string Receipts = "receipts";

    /// <param name="Stream"><c>conversation</c> or <c>receipts</c>; null for the former.</param>
    /// <param name="Cursor">Goes on after an earlier page; null for <paramref name="AfterSeq"/>.</param>
    public sealed record Query(
        ConversationId Conversation, long? AfterSeq, string? Stream, string? Cursor, int? Limit) : IRequest<Result>;

    public sealed record Result(IReadOnlyList<AuditedEvent> Events, string? NextCursor);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.Limit).InclusiveBetween(1, Paging.LimitMax).OverridePropertyName("limit");
            RuleFor(q => q.AfterSeq).GreaterThanOrEqualTo(-1).OverridePropertyName("after_seq");
            RuleFor(q => q.Stream).Must(IsStream).WithMessage(StreamMessage).OverridePropertyName("stream");
        }
    }

    internal const string StreamMessage = "must be conversation or receipts.";

    internal static bool IsStream(string? name) => name is null or Conversation or Receipts;

    internal static string StreamOf(ConversationId conversation, string? name) =>
        name == Receipts ? StreamName.OfReceipts(conversation) : StreamName.Of(conversation);

    internal sealed class Handler(IAuditTimeline timeline, IEventStore store, AuditedLog log)
        : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var after = Paging.Place(request.Cursor, 1, Place.Parse)?.Seq ?? request.AfterSeq ?? -1;
            _ = await timeline.FindAsync(request.Conversation, cancellationToken)
                ?? throw new RefusedException(Refusal.ConversationUnknown);
            var stream = StreamOf(request.Conversation, request.Stream);
            if (after == long.MaxValue)
                return new Result([], null);
            var page = await store.ReadPageAsync(
                stream, after + 1, request.Limit ?? Paging.LimitDefault, cancellationToken);
            if (page.Count == 0)
                return new Result([], null);
            var hasMore = page[^1].Revision < await log.LastRevisionAsync(stream, cancellationToken);
            return new Result(
                [.. page.Select(AuditedEvent.Of)], hasMore ? new Place(page[^1].Revision).ToString() : null);
        }
    }

    private sealed record Place(long Seq)
    {
        public static Place Parse(string[] parts) =>
            long.Parse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture) is var seq ? new Place(seq) : null!;

        /// <summary>The cursor.</summary>
        public override string ToString() => Paging.Cursor(Seq.ToString(CultureInfo.InvariantCulture));
    }
}

/// <summary>
/// Writes all events of a stream after a seq, one JSON object a line, up to the last one when the call came. Memory is
/// bounded: whoever reads slowly is waited for.
/// </summary>
public static class StreamEvents
{
    /// <param name="Stream">See <see cref="ReadEvents.Query"/>.</param>
    /// <param name="IsHead">Whether nobody reads what is written: then nothing is.</param>
    /// <param name="Output">Where the lines go.</param>
    /// <param name="Written">Called after every line.</param>
    public sealed record Query(
        ConversationId Conversation, long? AfterSeq, string? Stream, bool IsHead, PipeWriter Output, Action Written)
        : IRequest<Unit>;

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.AfterSeq).GreaterThanOrEqualTo(-1).OverridePropertyName("after_seq");
            RuleFor(q => q.Stream).Must(ReadEvents.IsStream).WithMessage(ReadEvents.StreamMessage)
                .OverridePropertyName("stream");
        }
    }

    internal sealed class Handler(IAuditTimeline timeline, AuditedLog log) : IRequestHandler<Query, Unit>
    {
        public async Task<Unit> Handle(Query request, CancellationToken cancellationToken)
        {
            _ = await timeline.FindAsync(request.Conversation, cancellationToken)
                ?? throw new RefusedException(Refusal.ConversationUnknown);
            var stream = ReadEvents.StreamOf(request.Conversation, request.Stream);
            var last = await log.LastRevisionAsync(stream, cancellationToken);
            var lines = new LineWriter(request.Output, cancellationToken);
            if (request.IsHead || (request.AfterSeq ?? -1) >= last)
                return Unit.Value;
            await foreach (var page in log.PagesAsync(stream, (request.AfterSeq ?? -1) + 1, last, cancellationToken))
            {
                foreach (var stored in page)
                {
                    JsonSerializer.Serialize(lines.Json, AuditedEvent.Of(stored), AuditJson.Default.AuditedEvent);
                    await lines.EndLineAsync();
                    request.Written();
                }
            }

            await lines.FlushAsync();
            return Unit.Value;
        }
    }
}
