using ChatCqrs.Application.Json;
using ChatCqrs.Application.Ports;
using FluentValidation;
using FluentValidation.Results;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>Lists who looked at what, the latest first.</summary>
public static class ListAccesses
{
    public sealed record Query(string? Auditor, string? From, string? To, string? Cursor, int? Limit)
        : IRequest<Result>;

    public sealed record Result(IReadOnlyList<Item> Accesses, string? NextCursor);

    /// <param name="ConversationId">Null for a call that shows several conversations or none.</param>
    /// <param name="Scope">What the call asked for, as its query says; null for nothing.</param>
    /// <param name="Content">Whether content was opened.</param>
    /// <param name="WithoutApproval">Whether matters needed no approval at that time.</param>
    /// <param name="Delivered">Null where the node ended before it could say what it had answered.</param>
    public sealed record Item(
        DateTimeOffset At, Guid AuditorId, Guid DeviceId, string Call, Guid? ConversationId, Guid? MatterId,
        string? Scope, bool Content, bool WithoutApproval, DeliveredAnswer? Delivered);

    /// <param name="Entries">How many things were answered, as the call counts them.</param>
    /// <param name="Sha256">The hash of the bytes that were written, 64 hexadecimal digits.</param>
    public sealed record DeliveredAnswer(DateTimeOffset At, long Entries, string Sha256);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.Limit).InclusiveBetween(1, Paging.LimitMax).OverridePropertyName("limit");
            RuleFor(q => q.Auditor).Must(auditor => auditor is null || Uuids.IsOne(auditor))
                .WithMessage("must be a UUID.").OverridePropertyName("auditor");
        }
    }

    internal sealed class Handler(IAuditViews views) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var limit = request.Limit ?? Paging.LimitDefault;
            var page = await views.AccessesAsync(
                new AccessFilter(
                    request.Auditor is null ? null : new(Guid.Parse(request.Auditor)), Time("from", request.From),
                    Time("to", request.To)),
                AuditCursors.Parse(request.Cursor), limit + 1, cancellationToken);
            var (accesses, next) = AuditCursors.Page(page, limit, ItemOf, row => (row.At, row.Id));
            return new Result(accesses, next);
        }

        private static Item ItemOf(AccessRow row) => new(
            row.At, row.Auditor, row.Device, row.Call, row.Conversation, row.Matter, row.Scope, row.Content,
            row.WithoutApproval,
            row.DeliveredAt is { } at
                ? new DeliveredAnswer(at, row.Entries, Convert.ToHexStringLower(row.Sha256!))
                : null);

        private static DateTimeOffset? Time(string name, string? text) => text is null
            ? null
            : Rfc3339.TryParse(text, out var time)
                ? time
                : throw new ValidationException(
                    [new ValidationFailure(name, "must be a time in the form of RFC 3339, with its zone.")]);
    }
}
