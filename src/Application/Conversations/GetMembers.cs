using ChatCqrs.Application.Ports;
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

    internal sealed class Handler(Membership membership, IDirectory directory, IContentSealer sealer, ProfileReader profiles) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var (conversation, _) = await membership.RequireAsync(request.Caller, request.Conversation, cancellationToken);
            var members = new List<Item>(conversation.Members.Count);
            var known = await directory.ProfilesAsync([.. conversation.Members.Keys], cancellationToken);
            await sealer.PrepareAsync(known.Select(profile => (Profile.ScopeOf(profile.Key), profile.Value)), cancellationToken);
            foreach (var info in GetConversation.Handler.Infos(conversation))
            {
                var name = await NameAsync(new UserId(info.UserId), known, cancellationToken);
                members.Add(new Item(info.UserId, name, info.Role, info.JoinedSeq));
            }

            return new Result(members);
        }

        private async Task<string?> NameAsync(UserId user, IReadOnlyDictionary<UserId, SealedContent> known, CancellationToken cancellationToken)
        {
            try
            {
                return known.TryGetValue(user, out var content)
                    ? (await profiles.OpenAsync(user, content, cancellationToken)).Name
                    : (await profiles.ReadAsync(user, cancellationToken)).Profile.Name; // So new that the views do not have it yet.
            }
            catch (RefusedException)
            {
                return null; // The account is gone; its messages, and so its membership, are not.
            }
        }
    }
}
