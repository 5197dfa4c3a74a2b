using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>Returns the profiles of many users, from the read models.</summary>
public static class ShowProfiles
{
    /// <summary>The most users in one request, each counted once.</summary>
    public const int UsersMax = 200;

    /// <param name="Ids">The users' ids, with commas between them.</param>
    public sealed record Query(string? Ids) : IRequest<IReadOnlyList<Item>>
    {
        /// <returns>Each id once; null if one is malformed.</returns>
        internal IReadOnlyCollection<UserId>? Users()
        {
            var users = new HashSet<UserId>();
            foreach (var text in (Ids ?? "").Split(','))
            {
                if (!Uuids.TryParse(text, out var id))
                    return null;
                users.Add(new UserId(id));
            }

            return users;
        }
    }

    /// <summary>A user with an account.</summary>
    public sealed record Item(UserId User, Profile Profile);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator() =>
            RuleFor(q => q).Must(query => query.Users() is { Count: > 0 and <= UsersMax })
                .WithMessage($"must be 1 to {UsersMax} ids of users, with commas between them.")
                .OverridePropertyName("ids");
    }

    internal sealed class Handler(ProfileReader profiles) : IRequestHandler<Query, IReadOnlyList<Item>>
    {
        public async Task<IReadOnlyList<Item>> Handle(Query request, CancellationToken cancellationToken)
        {
            var found = await profiles.ManyAsync(request.Users()!, cancellationToken);
            return [.. found.Select(pair => new Item(pair.Key, pair.Value))];
        }
    }
}
