using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Application.Conversations;

/// <summary>Seals and opens what groups are called. A title does not expire; it goes with its conversation or with whoever gave it.</summary>
public sealed class GroupTitles(IContentSealer sealer)
{
    public async ValueTask<GroupTitle> SealAsync(ConversationId conversation, UserId by, string title, CancellationToken cancellationToken) =>
        new(await sealer.SealAsync(ScopeOf(conversation, by), Encoding.UTF8.GetBytes(title), cancellationToken), by);

    /// <returns>Null for a conversation without a title, and for one that can be read no more.</returns>
    public async ValueTask<string?> OpenAsync(ConversationId conversation, GroupTitle? title, CancellationToken cancellationToken)
    {
        if (title is null)
            return null;
        var bytes = await sealer.OpenAsync(ScopeOf(conversation, title.By), title.Content, cancellationToken);
        return bytes is { } opened ? Encoding.UTF8.GetString(opened.Span) : null;
    }

    /// <summary>Fetches at once the keys that opening these titles one by one takes.</summary>
    public ValueTask PrepareAsync(IEnumerable<(ConversationId Conversation, GroupTitle? Title)> titles, CancellationToken cancellationToken) =>
        sealer.PrepareAsync(
            titles.Where(item => item.Title is not null).Select(item => (ScopeOf(item.Conversation, item.Title!.By), item.Title!.Content)), cancellationToken);

    private static SealScope ScopeOf(ConversationId conversation, UserId by) => new(null, by, conversation, null);
}
