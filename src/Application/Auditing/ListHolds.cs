using ChatCqrs.Application.Ports;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>Lists holds, the latest first.</summary>
public static class ListHolds
{
    public sealed record Query(string? Cursor, int? Limit) : IRequest<Result>;

    public sealed record Result(IReadOnlyList<HoldView> Holds, string? NextCursor);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator() => RuleFor(q => q.Limit).InclusiveBetween(1, Paging.LimitMax).OverridePropertyName("limit");
    }

    internal sealed class Handler(IAuditViews views) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var limit = request.Limit ?? Paging.LimitDefault;
            var page = await views.HoldsAsync(AuditCursors.Parse(request.Cursor), limit + 1, cancellationToken);
            var (holds, next) = AuditCursors.Page(
                page, limit, HoldView.Of, hold => (hold.PlacedAt, hold.Id!.Value.Value));
            return new Result(holds, next);
        }
    }
}
