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
                .WithMessage($"must be null or have 1 to {Profile.NameMax} characters, {PlainText.LineRule}.")
                .OverridePropertyName("name");
            RuleFor(c => c.Body.About).Must(value => Fits(value, text => PlainText.IsText(text, Profile.AboutMax)))
                .WithMessage($"must be null or have at most {Profile.AboutMax} characters.")
                .OverridePropertyName("about");
            RuleFor(c => c.Body.Avatar).Must(value => Fits(value, _ => true))
                .WithMessage("must be null or a file_id.").OverridePropertyName("avatar");
        }

        private static bool Fits(JsonElement value, Func<string, bool> rule) => value.ValueKind switch
        {
            JsonValueKind.Undefined or JsonValueKind.Null => true,
            JsonValueKind.String => rule(value.GetString()!),
            _ => false,
        };
    }

    internal sealed class Handler(
        UserWriter users, ProfileReader profiles, IContentSealer sealer, IMedia media, TimeProvider clock)
        : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var avatar = request.Body.Avatar.ValueKind == JsonValueKind.String
                ? await RequireImageAsync(request.Caller, request.Body.Avatar.GetString()!, cancellationToken)
                : (FileId?)null;
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
                        await sealer.SealAsync(Profile.ScopeOf(request.Caller), changed.ToBytes(), ct),
                        request.Body.Avatar.ValueKind == JsonValueKind.Undefined ? state.Avatar : avatar);
            }
        }

        /// <summary>
        /// Requires an image that the caller uploaded, and marks it as used: it is not collected before the read models
        /// know that it is an avatar.
        /// </summary>
        private async Task<FileId> RequireImageAsync(
            UserId caller, string avatar, CancellationToken cancellationToken)
        {
            if (!Uuids.TryParse(avatar, out var id)
                || await media.FindAsync(new FileId(id), cancellationToken) is not { } file
                || file.Owner != caller || !file.IsImage
                || (await media.TouchAsync([file.Id], clock.GetUtcNow(), cancellationToken)).Count == 0)
                throw new RefusedException(Refusal.BadAvatar);
            return file.Id;
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
