using ChatCqrs.Application.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>Asks for an export of conversations. It is made by a job; what it opens is checked again by that.</summary>
public static class RequestExport
{
    /// <summary>Conversations of one export.</summary>
    public const int ConversationsMax = 1_000;

    /// <summary>Unfinished exports of an auditor.</summary>
    public const int UnfinishedMax = 5;

    public sealed record Body(
        string? MatterId = null, IReadOnlyList<string?>? ConversationIds = null, string? From = null,
        string? To = null);

    public sealed record Command(UserId Auditor, DeviceId Device, Body Body) : IRequest<Guid>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Body.MatterId).Must(id => id is null || Uuids.IsOne(id)).WithMessage("must be a UUID.")
                .OverridePropertyName("matter_id");
            RuleFor(c => c.Body.ConversationIds)
                .Must(ids => ids is { Count: >= 1 and <= ConversationsMax } && ids.All(Uuids.IsOne)
                    && ids.Distinct(StringComparer.OrdinalIgnoreCase).Count() == ids.Count)
                .WithMessage($"must be 1 to {ConversationsMax} different UUIDs.")
                .OverridePropertyName("conversation_ids");
            RuleFor(c => c.Body.From).Must(IsTime).WithMessage("must be a time in the form of RFC 3339.")
                .OverridePropertyName("from");
            RuleFor(c => c.Body.To).Must(IsTime).WithMessage("must be a time in the form of RFC 3339.")
                .OverridePropertyName("to");
            RuleFor(c => c.Body)
                .Must(b => !(Rfc3339.TryParse(b.From, out var from) && Rfc3339.TryParse(b.To, out var to) && from > to))
                .WithMessage("must not be before from.").OverridePropertyName("to");
        }

        private static bool IsTime(string? text) => text is null || Rfc3339.TryParse(text, out _);
    }

    internal sealed class Handler(
        IEventStore log, IMatters matters, IAuditExports exports, IExportQueue queue, TimeProvider clock)
        : IRequestHandler<Command, Guid>
    {
        public async Task<Guid> Handle(Command request, CancellationToken cancellationToken)
        {
            var body = request.Body;
            MatterId? matter = body.MatterId is null ? null : new MatterId(Guid.Parse(body.MatterId));
            List<ConversationId> conversations =
                [.. body.ConversationIds!.Select(id => new ConversationId(Guid.Parse(id!)))];
            foreach (var conversation in conversations)
            {
                if ((await log.ReadStreamAsync(
                    StreamName.Of(conversation), long.MaxValue, ReadDirection.Backwards, 1, cancellationToken))
                    .Count == 0)
                    throw new RefusedException(Refusal.ConversationUnknown);
                if (matter is { } id)
                    await matters.OpenAsync(id, conversation, request.Auditor, cancellationToken);
            }

            var export = new AuditExport(
                Guid.CreateVersion7(), request.Auditor, request.Device, matter, conversations, TimeOf(body.From),
                TimeOf(body.To), ExportStatus.Queued, 0, 0, null, clock.GetUtcNow());
            if (!await exports.AddAsync(export, UnfinishedMax, cancellationToken))
                throw new RefusedException(Refusal.TooManyExports);
            await queue.AddAsync(export.Id);
            return export.Id;
        }

        private static DateTimeOffset? TimeOf(string? text) => Rfc3339.TryParse(text, out var time) ? time : null;
    }
}
