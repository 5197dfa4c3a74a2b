using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>Changes the caller's own profile.</summary>
public static class ChangeProfile
{
    /// <summary>
    /// The body of <c>PATCH /v1/users/me</c>, a merge patch (RFC 7396): absent fields are kept, null removes one. The
    /// phone cannot change.
    /// </summary>
    public sealed record Body
    {
        public JsonElement Name { get; init; }
        public JsonElement About { get; init; }
        public JsonElement Avatar { get; init; }
    }

    public sealed record Command(UserId Caller, DeviceId Device, Body Body) : IRequest<Result>;

    /// <param name="Position">The position of the last event written.</param>
    public sealed record Result(UserId User, Profile Profile, DateTimeOffset CreatedAt, LogPosition Position);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Body.Name).Must(value => Fits(value, text => PlainText.IsLine(text, Profile.NameMax)))
                .WithMessage($"must be null or have 1 to {Profile.NameMax} characters and no control characters.")
                .OverridePropertyName("name");
            RuleFor(c => c.Body.About).Must(value => Fits(value, text => PlainText.IsText(text, Profile.AboutMax)))
                .WithMessage($"must be null or have at most {Profile.AboutMax} characters.")
                .OverridePropertyName("about");
            RuleFor(c => c.Body.Avatar).Must(value => Fits(value, text => PlainText.IsLine(text, Profile.AvatarMax)))
                .WithMessage($"must be null or have 1 to {Profile.AvatarMax} characters and no control characters.")
                .OverridePropertyName("avatar");
        }

        private static bool Fits(JsonElement value, Func<string, bool> rule) => value.ValueKind switch
        {
            JsonValueKind.Undefined or JsonValueKind.Null => true,
            JsonValueKind.String => rule(value.GetString()!),
            _ => false,
        };
    }

    internal sealed class Handler(
        UserWriter users, ProfileReader profiles, IContentSealer sealer) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            Profile? changed = null;
            var (user, position) = await users.WriteAsync(
                request.Caller, ChangeAsync, new Actor(request.Caller, request.Device), null, cancellationToken);
            return new Result(request.Caller, changed!, user.RegisteredAt, position);

            async ValueTask<UserCommand?> ChangeAsync(User state, CancellationToken ct)
            {
                var profile = await profiles.OpenAsync(request.Caller, state, ct);
                changed = Patch(profile, request.Body);
                return changed == profile
                    ? null
                    : new UserCommand.ChangeProfile(
                        await sealer.SealAsync(Profile.ScopeOf(request.Caller), changed.ToBytes(), ct));
            }
        }

        private static Profile Patch(Profile profile, Body body) => profile with
        {
            Name = Patch(profile.Name, body.Name),
            About = Patch(profile.About, body.About),
            Avatar = Patch(profile.Avatar, body.Avatar),
        };

        private static string? Patch(string? value, JsonElement patch) =>
            patch.ValueKind == JsonValueKind.Undefined ? value : patch.GetString();
    }
}
