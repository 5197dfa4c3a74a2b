using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>Returns a user's current profile, from the log.</summary>
public static class ShowProfile
{
    /// <param name="User">The user's id.</param>
    public sealed record Query(string User) : IRequest<Result>;

    public sealed record Result(UserId User, Profile Profile, DateTimeOffset CreatedAt);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator() => RuleFor(q => q.User).NotEmpty().OverridePropertyName("user_id");
    }

    internal sealed class Handler(ProfileReader profiles) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            if (!Uuids.TryParse(request.User, out var id))
                throw new RefusedException(Refusal.UserUnknown);
            var (user, profile) = await profiles.ReadAsync(new UserId(id), cancellationToken);
            return new Result(new UserId(id), profile, user.RegisteredAt);
        }
    }
}
