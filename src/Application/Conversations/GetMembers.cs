using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using MediatR;

namespace ChatCqrs.Application.Conversations;

/// <summary>Lists a conversation's members with their names.</summary>
public static class GetMembers
{
    public sealed record Query(UserId Caller, ConversationId Conversation) : IRequest<Result>;

    public sealed record Result(IReadOnlyList<Item> Members);

    /// <param name="Name">Null if the user has no name.</param>
    public sealed record Item(Guid UserId, string? Name, string Role, long JoinedSeq);

    internal sealed class Handler(Membership membership, ProfileReader profiles) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var (conversation, _) = await membership.RequireAsync(
                request.Caller, request.Conversation, cancellationToken);
            var names = await profiles.NamesAsync([.. conversation.Members.Keys], cancellationToken);
            return new Result(
                [
                    .. MemberInfo.Of(conversation)
                        .Select(
                            info => new Item(info.UserId, names[new UserId(info.UserId)], info.Role, info.JoinedSeq)),
                ]);
        }
    }
}
