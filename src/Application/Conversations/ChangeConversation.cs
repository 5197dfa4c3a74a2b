using System.Text.Json;
using ChatCqrs.Application.Retention;
using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Retention;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Conversations;

/// <summary>Changes a group's title, or how long messages are kept.</summary>
public static class ChangeConversation
{
    /// <summary>
    /// The body of <c>PATCH /v1/conversations/{id}</c>, a merge patch (RFC 7396): absent fields are kept.
    /// </summary>
    public sealed record Body
    {
        public string? Title { get; init; }
        public RetentionPatch? Retention { get; init; }
    }

    /// <summary>Null resets a field to the server's default.</summary>
    public sealed record RetentionPatch
    {
        public JsonElement Days { get; init; }
        public JsonElement DisappearingSeconds { get; init; }
    }

    /// <returns>The position of the last event written.</returns>
    public sealed record Command(
        UserId Caller, DeviceId Device, ConversationId Conversation, Body Body) : IRequest<LogPosition>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator(IOptions<RetentionOptions> options)
        {
            var shortest = (int)Math.Ceiling(options.Value.ShortestTimer.TotalSeconds);
            var longest = (int)RetentionOptions.LongestTimer.TotalSeconds;
            RuleFor(c => c.Body).Must(body => body.Title is not null || body.Retention is not null)
                .WithMessage("title, retention or both must be given.").OverridePropertyName("title");
            RuleFor(c => c.Body.Title).Must(title => title is null || PlainText.IsLine(title, GroupOptions.TitleMax))
                .WithMessage($"must have 1 to {GroupOptions.TitleMax} characters, {PlainText.LineRule}.")
                .OverridePropertyName("title");
            RuleFor(c => c.Body.Retention).Must(patch => patch is null || Fits(patch.Days, 1, RetentionOptions.DaysMax))
                .WithMessage($"must be null or 1 to {RetentionOptions.DaysMax}.")
                .OverridePropertyName("retention.days");
            RuleFor(c => c.Body.Retention)
                .Must(patch => patch is null || Fits(patch.DisappearingSeconds, shortest, longest))
                .WithMessage($"must be null or {shortest} to {longest}.")
                .OverridePropertyName("retention.disappearing_seconds");
        }

        private static bool Fits(JsonElement value, int min, int max) => value.ValueKind switch
        {
            JsonValueKind.Undefined or JsonValueKind.Null => true,
            JsonValueKind.Number => value.TryGetInt32(out var number) && number >= min && number <= max,
            _ => false,
        };
    }

    internal sealed class Handler(
        IConversationWriter conversations, Membership membership, GroupTitles titles, MessageLifetimes lifetimes,
        DirectBlocks blocks, IRetentionRate rate)
        : IRequestHandler<Command, LogPosition>
    {
        public async Task<LogPosition> Handle(Command request, CancellationToken cancellationToken)
        {
            var (state, _) = await membership.RequireAsync(request.Caller, request.Conversation, cancellationToken);
            var retention = await RetentionAsync(request, state, cancellationToken);
            if (retention is not null && IsChange(state, retention))
                rate.Take(request.Conversation); // First: a refusal leaves the title as it is, too.
            var position = LogPosition.Start;
            if (request.Body.Title is { } title)
                position = await RenameAsync(request, state, title, cancellationToken);
            if (retention is not null)
                position = await ChangeAsync(request, retention, cancellationToken);
            return position;
        }

        private async Task<ConversationCommand.ChangeRetention?> RetentionAsync(
            Command request, Conversation state, CancellationToken cancellationToken)
        {
            if (request.Body.Retention is not { } patch)
                return null;
            var policy = new RetentionPolicy(
                Patched(state.Retention.Days, patch.Days),
                Patched(state.Retention.DisappearingSeconds, patch.DisappearingSeconds));
            var defaultDays = lifetimes.DaysOf(RetentionPolicy.Default);
            var isBlocked = await blocks.IsBlockedAsync(request.Conversation, request.Caller, cancellationToken);
            return new ConversationCommand.ChangeRetention(request.Caller, policy, defaultDays, isBlocked);
        }

        /// <summary>
        /// Whether a change will be decided, as far as this node knows. What is refused or true already costs nothing,
        /// so that nobody uses up the changes of others.
        /// </summary>
        private static bool IsChange(Conversation state, ConversationCommand.ChangeRetention change) =>
            change.Policy != state.Retention && !change.IsBlocked
            && (state.Kind == ConversationKind.Direct || state.Members[change.By].Role == Role.Admin);

        private async Task<LogPosition> RenameAsync(
            Command request, Conversation state, string title, CancellationToken cancellationToken)
        {
            // Sealing is randomised, so equal titles must be compared here.
            var isSame = state.Title is not null
                && title == await titles.OpenAsync(request.Conversation, state.Title, cancellationToken);
            var renamed = isSame
                ? state.Title!
                : await titles.SealAsync(request.Conversation, request.Caller, title, cancellationToken);
            return await ChangeAsync(
                request, new ConversationCommand.RenameGroup(request.Caller, renamed), cancellationToken);
        }

        private Task<LogPosition> ChangeAsync(
            Command request, ConversationCommand command, CancellationToken cancellationToken) =>
            conversations.ChangeAsync(request.Conversation, command, request.Caller, request.Device, cancellationToken);

        private static int? Patched(int? value, JsonElement patch) => patch.ValueKind switch
        {
            JsonValueKind.Undefined => value,
            JsonValueKind.Null => null,
            _ => patch.GetInt32(),
        };
    }
}
