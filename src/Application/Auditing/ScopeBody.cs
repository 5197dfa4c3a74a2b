using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using FluentValidation;

namespace ChatCqrs.Application.Auditing;

/// <summary>The scope in the body of a matter or a hold.</summary>
public abstract record ScopeBody
{
    /// <summary>The most conversations that a scope names.</summary>
    public const int ConversationsMax = 1_000;

    /// <summary>The most users that a scope names.</summary>
    public const int UsersMax = 100;

    /// <summary>The longest reason, in characters.</summary>
    public const int ReasonMax = 2_000;

    public string? Reason { get; init; }
    public IReadOnlyList<string?>? ConversationIds { get; init; }
    public IReadOnlyList<string?>? UserIds { get; init; }
    public DateTimeOffset? From { get; init; }
    public DateTimeOffset? To { get; init; }

    internal AuditScope Scope => new(
        [.. (ConversationIds ?? []).Select(id => new ConversationId(Guid.Parse(id!))).Distinct()],
        [.. (UserIds ?? []).Select(id => new UserId(Guid.Parse(id!))).Distinct()], From, To);

    internal bool NamesNothing => ConversationIds is null or [] && UserIds is null or [];

    /// <summary>The rules of the body's fields.</summary>
    internal static void AddRules<TCommand>(AbstractValidator<TCommand> validator, Func<TCommand, ScopeBody> bodyOf)
    {
        validator.RuleFor(c => bodyOf(c).Reason)
            .Must(reason => !string.IsNullOrWhiteSpace(reason) && PlainText.IsText(reason, ReasonMax))
            .WithMessage($"must say why, in at most {ReasonMax} characters.").OverridePropertyName("reason");
        AddIds("conversation_ids", body => body.ConversationIds, ConversationsMax);
        AddIds("user_ids", body => body.UserIds, UsersMax);
        validator.RuleFor(c => bodyOf(c)).Must(body => !(body.From > body.To))
            .WithMessage("must not be before from.").OverridePropertyName("to");

        void AddIds(string name, Func<ScopeBody, IReadOnlyList<string?>?> idsOf, int max)
        {
            validator.RuleFor(c => idsOf(bodyOf(c))).Must(ids => ids is null || ids.All(Uuids.IsOne))
                .WithMessage("must be UUIDs.").OverridePropertyName(name);
            validator.RuleFor(c => idsOf(bodyOf(c))).Must(ids => ids is null || ids.Count <= max)
                .WithMessage($"must be at most {max}.").OverridePropertyName(name);
        }
    }
}
