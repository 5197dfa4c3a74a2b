using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>Lists the users whom the caller has blocked, latest first.</summary>
public static class ListBlocks
{
    public sealed record Query(UserId Caller, string? Cursor, int? Limit) : IRequest<Result>;

    public sealed record Result(IReadOnlyList<Item> Blocks, string? NextCursor);

    /// <param name="Name">Null if the user has no name.</param>
    public sealed record Item(Guid UserId, string? Name, DateTimeOffset BlockedAt);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator() => RuleFor(q => q.Limit).InclusiveBetween(1, Paging.LimitMax).OverridePropertyName("limit");
    }

    internal sealed class Handler(UserWriter users, ProfileReader profiles) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var place = Paging.Place(request.Cursor, (time, user) => Tuple.Create(Paging.Time(time), Guid.Parse(user)));
            var limit = request.Limit ?? Paging.LimitDefault;
            var (caller, _) = await users.ReadAsync(request.Caller, cancellationToken);
            var page = caller.Blocked.Select(block => (At: block.Value, User: block.Key))
                .OrderByDescending(block => block.At).ThenBy(block => block.User.Value)
                .SkipWhile(block => place is not null && !IsAfter(block, place)).Take(limit + 1).ToList();
            var shown = page.Take(limit).ToList();
            var names = await profiles.NamesAsync([.. shown.Select(block => block.User)], cancellationToken);
            return new Result(
                [.. shown.Select(block => new Item(block.User.Value, names[block.User], block.At))],
                page.Count > limit ? Paging.Cursor(Paging.Cursor(shown[^1].At), shown[^1].User.ToString()) : null);
        }

        private static bool IsAfter((DateTimeOffset At, UserId User) block, Tuple<DateTimeOffset, Guid> place) =>
            block.At < place.Item1 || (block.At == place.Item1 && block.User.Value.CompareTo(place.Item2) > 0);
    }
}
