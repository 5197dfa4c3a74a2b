using ChatCqrs.Domain;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// A partition's conversations in memory. The least recently used are forgotten first; one that is busy never is, so
/// the bound can be exceeded while all are busy.
/// </summary>
/// <param name="max">How many conversations are kept.</param>
internal sealed class ConversationCache(int max)
{
    /// <summary>
    /// How many conversations are examined to make room for one, so that many busy ones do not slow down each new one.
    /// </summary>
    private const int ExaminedMax = 32;

    private readonly Dictionary<ConversationId, CachedConversation> _conversations = [];
    private readonly LinkedList<CachedConversation> _used = [];

    public bool Holds(ConversationId id) => _conversations.ContainsKey(id);

    /// <summary>The conversation, added if it is not there.</summary>
    public CachedConversation Get(ConversationId id)
    {
        if (_conversations.TryGetValue(id, out var conversation))
        {
            Touch(conversation);
            return conversation;
        }

        MakeRoom(); // Before the new one is added: it is idle, and would be forgotten where all others are busy.
        conversation = new CachedConversation(id);
        conversation.Place = _used.AddLast(conversation);
        _conversations.Add(id, conversation);
        return conversation;
    }

    /// <summary>Does nothing for a conversation that was forgotten already.</summary>
    public void Forget(CachedConversation conversation)
    {
        if (_conversations.GetValueOrDefault(conversation.Id) != conversation)
            return;
        _conversations.Remove(conversation.Id);
        _used.Remove(conversation.Place!);
    }

    /// <summary>Every conversation, as they are now.</summary>
    public IReadOnlyList<CachedConversation> All() => [.. _conversations.Values];

    private void MakeRoom()
    {
        for (var examined = 0; examined < ExaminedMax && _conversations.Count >= max; examined++)
        {
            if (_used.First is not { } oldest)
                return;
            if (oldest.Value.IsUnused)
                Forget(oldest.Value);
            else
                Touch(oldest.Value);
        }
    }

    private void Touch(CachedConversation conversation)
    {
        if (conversation.Place!.Next is null)
            return;
        _used.Remove(conversation.Place);
        _used.AddLast(conversation.Place);
    }
}
