using System.Diagnostics;
using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Conversations;

/// <summary>
/// Starts a conversation, or finds the direct conversation of two users, or the group that a retry has started.
/// </summary>
public static class StartConversation
{
    /// <summary>The body of <c>POST /v1/conversations</c>.</summary>
    public sealed record Body
    {
        public string? Type { get; init; }
        public string? Title { get; init; }
        public IReadOnlyList<string?>? MemberIds { get; init; }
        public string? Encryption { get; init; }

        /// <summary>A group's id, if the client chooses it; null for one of the server's.</summary>
        public string? ConversationId { get; init; }
    }

    public sealed record Command(UserId Caller, DeviceId Device, Body Body) : IRequest<Result>;

    /// <param name="Created">False if it existed already.</param>
    /// <param name="Position">The position of the last event written.</param>
    public sealed record Result(ConversationId Conversation, bool Created, LogPosition Position);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator(IOptions<GroupOptions> options)
        {
            RuleFor(c => c.Body.Type).Must(type => ConversationNames.ParseKind(type) is not null)
                .WithMessage("must be direct or group.").OverridePropertyName("type");
            RuleFor(c => c.Body.MemberIds).NotEmpty().When(c => c.Body.Type == "direct")
                .WithMessage("must name the other user.").OverridePropertyName("member_ids");
            RuleForEach(c => c.Body.MemberIds).Must(Uuids.IsOne).WithMessage("must be a UUID.")
                .OverridePropertyName("member_ids");
            RuleFor(c => c.Body.MemberIds).Must(ids => ids is null || ids.Count <= UserIds.Max)
                .WithMessage($"must name at most {UserIds.Max} users.").OverridePropertyName("member_ids");
            RuleFor(c => c).Must(c => UserIds.Others(c.Body.MemberIds, c.Caller).Count < options.Value.MembersMax)
                .When(c => c.Body.Type == "group" && c.Body.MemberIds?.All(Uuids.IsOne) == true)
                .WithMessage(_ => $"a group has at most {options.Value.MembersMax} members.")
                .OverridePropertyName("member_ids");
            RuleFor(c => c.Body.Title)
                .Must(title => title is not null && PlainText.IsLine(title, GroupOptions.TitleMax))
                .When(c => c.Body.Type == "group")
                .WithMessage($"must have 1 to {GroupOptions.TitleMax} characters, {PlainText.LineRule}.")
                .OverridePropertyName("title");
            RuleFor(c => c.Body.Title).Null().When(c => c.Body.Type == "direct")
                .WithMessage("is for groups only.").OverridePropertyName("title");
            RuleFor(c => c.Body.ConversationId).Null().When(c => c.Body.Type == "direct")
                .WithMessage("is for groups only.").OverridePropertyName("conversation_id");
            RuleFor(c => c.Body.ConversationId).Must(BeAGroupId)
                .When(c => c.Body.Type == "group" && c.Body.ConversationId is not null)
                .WithMessage("must be a UUID, and not of version 8, which names direct conversations.")
                .OverridePropertyName("conversation_id");
            // Accepting and ignoring it would make clients believe that the server refuses plain content.
            RuleFor(c => c.Body.Encryption).Null()
                .WithMessage("is not offered by this server.").OverridePropertyName("encryption");
        }

        /// <summary>A group under the id of a direct conversation would get its messages.</summary>
        private static bool BeAGroupId(string? id) =>
            Uuids.IsOne(id) && Guid.Parse(id!).Version != DirectConversation.Version;
    }

    internal sealed class Handler(
        IConversationWriter conversations, KnownUsers users, BlockLists blocks, GroupTitles titles,
        IOptions<GroupOptions> options, TimeProvider clock)
        : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var others = UserIds.Others(request.Body.MemberIds, request.Caller);
            return request.Body.Type == "group"
                ? await StartGroupAsync(request, others, cancellationToken)
                : await StartDirectAsync(request, others, cancellationToken);
        }

        private async Task<Result> StartDirectAsync(
            Command request, IReadOnlyList<UserId> others, CancellationToken cancellationToken)
        {
            if (others.Count == 0)
                throw new RefusedException(Refusal.DirectWithOneself);
            if (others.Count > 1)
                throw new RefusedException(Refusal.DirectWithSeveral);
            await users.RequireAsync(others, cancellationToken);
            var isBlocked = await blocks.HasBlockedAsync(others[0], request.Caller, cancellationToken);
            return await StartAsync(
                request, DirectConversation.IdOf(request.Caller, others[0]),
                new ConversationCommand.StartDirect(request.Caller, others[0], isBlocked), cancellationToken);
        }

        private async Task<Result> StartGroupAsync(
            Command request, IReadOnlyList<UserId> others, CancellationToken cancellationToken)
        {
            ConversationId? chosen = request.Body.ConversationId is { } given ? new(Guid.Parse(given)) : null;
            // A retry finds the group whatever has become of those who were to be its members.
            var isTaken = chosen is { } taken
                && (await conversations.PeekAsync(taken, cancellationToken)).Kind is not null;
            var isBlocked = !isTaken && await MayNotBeAddedAsync(request.Caller, others, cancellationToken);
            var id = chosen ?? new ConversationId(Guid.CreateVersion7(clock.GetUtcNow()));
            var title = await titles.SealAsync(id, request.Caller, request.Body.Title!, cancellationToken);
            Fingerprint? fingerprint = chosen is null
                ? null
                : await titles.FingerprintAsync(request.Caller, request.Body.Title!, others, cancellationToken);
            return await StartAsync(
                request, id,
                new ConversationCommand.StartGroup(
                    request.Caller, others, title, options.Value.MembersMax, isBlocked, fingerprint),
                cancellationToken);
        }

        /// <summary>Whether one of the others has blocked the caller.</summary>
        /// <exception cref="RefusedException">One of the others does not exist.</exception>
        private async Task<bool> MayNotBeAddedAsync(
            UserId caller, IReadOnlyList<UserId> others, CancellationToken cancellationToken)
        {
            await users.RequireAsync(others, cancellationToken);
            return (await blocks.WhoHasBlockedAsync(others, caller, cancellationToken)).Count > 0;
        }

        private async Task<Result> StartAsync(
            Command request, ConversationId id, ConversationCommand command, CancellationToken cancellationToken)
        {
            var origin = new Origin(
                new Actor(request.Caller, request.Device), Activity.Current?.TraceId.ToHexString(), null);
            var changed = await conversations.ChangeAsync(id, command, origin, cancellationToken);
            return new Result(id, changed.Happened, changed.Position);
        }
    }
}
