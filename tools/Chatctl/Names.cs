using ChatCqrs.Client;

namespace ChatCqrs.Chatctl;

/// <summary>Today's names of people; whoever is erased or unknown keeps an id.</summary>
internal sealed class Names(ChatClient client)
{
    /// <summary>Ids in one request.</summary>
    private const int PageMax = 200;

    private readonly Dictionary<string, string> _names = [];

    public async Task LoadAsync(IEnumerable<string?> ids, CancellationToken cancellationToken)
    {
        var unknown = ids.OfType<string>().Distinct().Where(id => !_names.ContainsKey(id)).ToList();
        foreach (var some in unknown.Chunk(PageMax))
        {
            foreach (var id in some)
                _names[id] = id;
            foreach (var user in await client.UsersAsync([.. some.Select(Guid.Parse)], cancellationToken))
                _names[user.UserId.ToString()] = user.Name ?? user.UserId.ToString();
        }
    }

    public string Of(string? id) => id is null ? "the server" : _names.GetValueOrDefault(id, id);
}
