using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>Proves that a conversation's newest logged head is in the log of heads.</summary>
public static class GetProof
{
    /// <param name="Member">Who asks, and must be a member; null for an auditor.</param>
    public sealed record Query(UserId? Member, ConversationId Conversation) : IRequest<string>;

    internal sealed class Handler(Membership membership, IConversationWriter conversations, IAuditLog log)
        : IRequestHandler<Query, string>
    {
        public async Task<string> Handle(Query request, CancellationToken cancellationToken)
        {
            if (request.Member is { } member)
                await membership.RequireAsync(member, request.Conversation, cancellationToken);
            else if ((await conversations.PeekAsync(request.Conversation, cancellationToken)).Kind is null)
                throw new RefusedException(Refusal.ConversationUnknown);
            return await log.ProofAsync(request.Conversation, cancellationToken)
                ?? throw new RefusedException(Refusal.NotLoggedYet);
        }
    }
}
