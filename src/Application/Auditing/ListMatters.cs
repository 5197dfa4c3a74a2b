using ChatCqrs.Application.Ports;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>Lists matters, the latest first.</summary>
public static class ListMatters
{
    public sealed record Query(string? Cursor, int? Limit) : IRequest<Result>;

    public sealed record Result(IReadOnlyList<MatterView> Matters, string? NextCursor);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator() => RuleFor(q => q.Limit).InclusiveBetween(1, Paging.LimitMax).OverridePropertyName("limit");
    }

    internal sealed class Handler(IAuditViews views, TimeProvider clock) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var limit = request.Limit ?? Paging.LimitDefault;
            var page = await views.MattersAsync(AuditCursors.Parse(request.Cursor), limit + 1, cancellationToken);
            var now = clock.GetUtcNow();
            var (matters, next) = AuditCursors.Page(
                page, limit, matter => MatterView.Of(matter, now),
                matter => (matter.RequestedAt, matter.Id!.Value.Value));
            return new Result(matters, next);
        }
    }
}
