using System.Globalization;
using ChatCqrs.Application.Ports;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>Lists the published checkpoints of a verifiable log, the newest first.</summary>
public static class GetCheckpoints
{
    public sealed record Query(VerifiableLog Log, string? Cursor, int? Limit) : IRequest<Result>;

    /// <param name="Vkey">Who signs now; null before the first checkpoint.</param>
    /// <param name="NextCursor">Null at the end.</param>
    public sealed record Result(string? Vkey, IReadOnlyList<Item> Checkpoints, string? NextCursor);

    /// <summary>A checkpoint.</summary>
    /// <param name="Size">The number of entries.</param>
    /// <param name="Root">The root over them, base64.</param>
    /// <param name="Time">When the last of them was made.</param>
    /// <param name="Note">The checkpoint, a signed note.</param>
    public sealed record Item(long Size, string Root, DateTimeOffset Time, string Note);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator() => RuleFor(q => q.Limit).InclusiveBetween(1, Paging.LimitMax).OverridePropertyName("limit");
    }

    internal sealed class Handler(IAuditLog log) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var limit = request.Limit ?? Paging.LimitDefault;
            var below = Paging.Place(request.Cursor, 1, parts => new Below(
                long.Parse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture)));
            var page = await log.CheckpointsAsync(request.Log, below?.Size, limit, cancellationToken);
            var next = page.Checkpoints.Count == limit
                ? Paging.Cursor(page.Checkpoints[^1].Size.ToString(CultureInfo.InvariantCulture))
                : null;
            return new Result(
                page.Vkey, [.. page.Checkpoints.Select(item => new Item(item.Size, item.Root, item.Time, item.Note))],
                next);
        }

        private sealed record Below(long Size);
    }
}
