using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Conversations;

/// <summary>
/// Seals and opens groups' titles. A title never expires; it is erased with its conversation or its author.
/// </summary>
public sealed class GroupTitles(IContentSealer sealer)
{
    public async ValueTask<GroupTitle> SealAsync(
        ConversationId conversation, UserId by, string title, CancellationToken cancellationToken) =>
        new(await sealer.SealAsync(ScopeOf(conversation, by), Encoding.UTF8.GetBytes(title), cancellationToken), by);

    /// <returns>Null if there is no title or it can no longer be read.</returns>
    public async ValueTask<string?> OpenAsync(
        ConversationId conversation, GroupTitle? title, CancellationToken cancellationToken)
    {
        if (title is null)
            return null;
        var bytes = await sealer.OpenAsync(ScopeOf(conversation, title.By), title.Content, cancellationToken);
        return bytes is { } opened ? Encoding.UTF8.GetString(opened.Span) : null;
    }

    /// <summary>Identifies how a user starts a group: equal for the same title and the same set of others.</summary>
    public ValueTask<Fingerprint> FingerprintAsync(
        UserId by, string title, IReadOnlyCollection<UserId> others, CancellationToken cancellationToken)
    {
        // A message's identity begins with its type, which is never this high.
        var members = string.Join(' ', others.Select(user => user.ToString()).Order(StringComparer.Ordinal));
        return sealer.FingerprintAsync(
            by, Encoding.UTF8.GetBytes($"\u00ffgroup\n{members}\n{title}"), cancellationToken);
    }

    /// <summary>Fetches the keys of several titles in one query.</summary>
    public ValueTask PrepareAsync(
        IEnumerable<(ConversationId Conversation, GroupTitle? Title)> titles, CancellationToken cancellationToken) =>
        sealer.PrepareAsync(
            titles.Where(item => item.Title is not null)
                .Select(item => ContentOf(item.Conversation, item.Title!)),
            cancellationToken);

    /// <summary>What <see cref="OpenAsync"/> opens of a title.</summary>
    public static (SealScope Scope, SealedContent Content) ContentOf(ConversationId conversation, GroupTitle title) =>
        (ScopeOf(conversation, title.By), title.Content);

    private static SealScope ScopeOf(ConversationId conversation, UserId by) => new(null, by, conversation, null);
}
