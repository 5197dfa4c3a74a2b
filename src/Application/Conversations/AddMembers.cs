using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Conversations;

/// <summary>Adds users to a group, unless one of them has blocked the caller. Members are skipped.</summary>
public static class AddMembers
{
    /// <summary>The body of <c>POST /v1/conversations/{id}/members</c>.</summary>
    public sealed record Body
    {
        public IReadOnlyList<string?>? UserIds { get; init; }
    }

    /// <returns>The position of the last event written.</returns>
    public sealed record Command(
        UserId Caller, DeviceId Device, ConversationId Conversation, Body Body) : IRequest<LogPosition>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Body.UserIds).NotEmpty().WithMessage("must name somebody.").OverridePropertyName("user_ids");
            RuleForEach(c => c.Body.UserIds).Must(Uuids.IsOne).WithMessage("must be a UUID.")
                .OverridePropertyName("user_ids");
            RuleFor(c => c.Body.UserIds).Must(ids => ids is null || ids.Count <= UserIds.Max)
                .WithMessage($"must name at most {UserIds.Max} users.").OverridePropertyName("user_ids");
        }
    }

    internal sealed class Handler(
        IConversationWriter conversations, Membership membership, KnownUsers users, BlockLists blocks,
        IOptions<GroupOptions> options) : IRequestHandler<Command, LogPosition>
    {
        public async Task<LogPosition> Handle(Command request, CancellationToken cancellationToken)
        {
            var added = UserIds.Others(request.Body.UserIds, request.Caller);
            // Only admins may learn which users exist.
            var (conversation, member) = await membership.RequireAsync(
                request.Caller, request.Conversation, cancellationToken);
            IReadOnlySet<UserId>? blockedBy = null;
            if (conversation.Kind == ConversationKind.Group && member.Role == Role.Admin)
            {
                await users.RequireAsync(added, cancellationToken);
                // Also of members: one may have left when this is decided.
                blockedBy = await blocks.WhoHasBlockedAsync(added, request.Caller, cancellationToken);
            }

            return await conversations.ChangeAsync(
                request.Conversation,
                new ConversationCommand.AddMembers(request.Caller, added, options.Value.MembersMax, blockedBy),
                request.Caller, request.Device, cancellationToken);
        }
    }
}
