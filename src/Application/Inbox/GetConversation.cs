using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Retention;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Users;
using MediatR;

namespace ChatCqrs.Application.Inbox;

/// <summary>Returns one of the caller's conversations.</summary>
public static class GetConversation
{
    public sealed record Query(UserId Caller, ConversationId Conversation) : IRequest<ConversationDetails>;

    internal sealed class Handler(
        Membership membership, IInbox inbox, MessageViews views, GroupTitles titles, MessageLifetimes lifetimes,
        ProfileReader profiles)
        : IRequestHandler<Query, ConversationDetails>
    {
        public async Task<ConversationDetails> Handle(Query request, CancellationToken cancellationToken)
        {
            var (conversation, _) = await membership.RequireAsync(
                request.Caller, request.Conversation, cancellationToken);
            var item = await inbox.OneAsync(request.Caller, request.Conversation, cancellationToken);
            var last = item?.LastMessage is { } message ? (await views.OfAsync([message], cancellationToken))[0] : null;
            var settings = item?.Settings ?? ConversationSettings.None;
            var other = conversation.Kind == ConversationKind.Direct
                ? conversation.MemberIds.Single(member => member != request.Caller)
                : (UserId?)null;
            var with = ConversationPartner.Of(
                other, await profiles.ProfilesAsync(other is { } one ? [one] : [], cancellationToken));
            return new ConversationDetails(
                request.Conversation.Value, ConversationNames.Of(conversation.Kind!.Value),
                await titles.OpenAsync(request.Conversation, conversation.Title, cancellationToken), with,
                conversation.Members.Count, null, conversation.LastSeq, last, item?.Unread ?? 0,
                item?.DeliveredSeq ?? -1, item?.ReadSeq ?? -1,
                settings.MutedUntil, settings.Pinned, settings.Archived, conversation.LastAt,
                [.. MemberInfo.Of(conversation)],
                new RetentionInfo(lifetimes.DaysOf(conversation.Retention), conversation.Retention.DisappearingSeconds),
                null);
        }
    }
}
