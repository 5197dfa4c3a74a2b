using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using MediatR;

namespace ChatCqrs.Application.Messages;

/// <summary>Returns one message.</summary>
public static class GetMessage
{
    public sealed record Query(UserId Caller, ConversationId Conversation, MessageId Message) : IRequest<MessageView>;

    internal sealed class Handler(
        Membership membership, ITimeline timeline, MessageViews views) : IRequestHandler<Query, MessageView>
    {
        public async Task<MessageView> Handle(Query request, CancellationToken cancellationToken)
        {
            var (_, member) = await membership.RequireAsync(request.Caller, request.Conversation, cancellationToken);
            var found = await timeline.MessageAsync(request.Conversation, request.Message, member, cancellationToken)
                ?? throw new RefusedException(Refusal.MessageUnknown);
            return (await views.OfAsync([found.Entry], cancellationToken))[0];
        }
    }
}
