using System.Text.Json;
using ChatCqrs.Application.Json;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Conversations;

/// <summary>Changes the caller's private settings of a conversation.</summary>
public static class ChangeSettings
{
    /// <summary>
    /// The body of <c>PATCH /v1/conversations/{id}/settings</c>, a merge patch (RFC 7396): absent fields are kept.
    /// </summary>
    public sealed record Body
    {
        public JsonElement MutedUntil { get; init; }
        public JsonElement Pinned { get; init; }
        public JsonElement Archived { get; init; }
    }

    public sealed record Command(
        UserId Caller, DeviceId Device, ConversationId Conversation, Body Body) : IRequest<Result>;

    /// <param name="Position">The position of the last event written.</param>
    public sealed record Result(ConversationSettings Settings, LogPosition Position);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Body.MutedUntil).Must(BeATime).WithMessage("must be null or a time in RFC 3339 form.")
                .OverridePropertyName("muted_until");
            RuleFor(c => c.Body.Pinned).Must(BeABoolean).WithMessage("must be true or false.")
                .OverridePropertyName("pinned");
            RuleFor(c => c.Body.Archived).Must(BeABoolean).WithMessage("must be true or false.")
                .OverridePropertyName("archived");
        }

        private static bool BeATime(JsonElement value) =>
            value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null || TimeOf(value) is not null;

        private static bool BeABoolean(JsonElement value) =>
            value.ValueKind is JsonValueKind.Undefined or JsonValueKind.True or JsonValueKind.False;
    }

    internal sealed class Handler(Membership membership, UserWriter users) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            await membership.RequireAsync(request.Caller, request.Conversation, cancellationToken);
            var (user, position) = await users.WriteAsync(
                request.Caller,
                (state, _) => ValueTask.FromResult<UserCommand?>(
                    new UserCommand.ChangeSettings(
                        request.Conversation, Patch(state.SettingsOf(request.Conversation), request.Body))),
                new Actor(request.Caller, request.Device), causation: null, cancellationToken);
            return new Result(user.SettingsOf(request.Conversation), position);
        }

        private static ConversationSettings Patch(ConversationSettings settings, Body body) => new(
            Patch(settings.Pinned, body.Pinned), Patch(settings.Archived, body.Archived),
            body.MutedUntil.ValueKind == JsonValueKind.Undefined ? settings.MutedUntil : TimeOf(body.MutedUntil));

        private static bool Patch(bool value, JsonElement patch) =>
            patch.ValueKind == JsonValueKind.Undefined ? value : patch.GetBoolean();
    }

    /// <summary>Parses a time, to UTC and the millisecond; null if it is none.</summary>
    private static DateTimeOffset? TimeOf(JsonElement value) =>
        value.ValueKind == JsonValueKind.String && Rfc3339.TryParse(value.GetString(), out var time)
            ? new DateTimeOffset(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerMillisecond), TimeSpan.Zero)
            : null;
}
