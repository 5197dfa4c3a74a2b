using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using MediatR;

namespace ChatCqrs.Application.Conversations;

/// <summary>Who belongs to a conversation, by name.</summary>
public static class GetMembers
{
    public sealed record Query(UserId Caller, ConversationId Conversation) : IRequest<Result>;

    public sealed record Result(IReadOnlyList<Item> Members);

    /// <param name="Name">Null when the user goes by none.</param>
    public sealed record Item(Guid UserId, string? Name, string Role, long JoinedSeq);

    internal sealed class Handler(Membership membership, ProfileReader profiles) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var (conversation, _) = await membership.RequireAsync(request.Caller, request.Conversation, cancellationToken);
            var members = new List<Item>(conversation.Members.Count);
            foreach (var info in GetConversation.Handler.Infos(conversation))
            {
                var name = await NameAsync(new UserId(info.UserId), cancellationToken);
                members.Add(new Item(info.UserId, name, info.Role, info.JoinedSeq));
            }

            return new Result(members);
        }

        private async Task<string?> NameAsync(UserId user, CancellationToken cancellationToken)
        {
            try
            {
                var (_, profile) = await profiles.ReadAsync(user, cancellationToken);
                return profile.Name;
            }
            catch (RefusedException)
            {
                return null; // The account is gone; its messages, and so its membership, are not.
            }
        }
    }
}
