using System.Collections.Concurrent;
using System.Net.WebSockets;
using ChatCqrs.Application;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>The open sockets of this node, by user.</summary>
internal sealed class OpenSockets
{
    private readonly ConcurrentDictionary<UserId, Connection[]> _connections = new();
    private int _count;

    public OpenSockets() => Telemetry.Meter.CreateObservableGauge(
        "chat.connections", () => Volatile.Read(ref _count), "{connection}", "Open sockets.");

    /// <summary>The users who have a socket on this node.</summary>
    public IReadOnlyCollection<UserId> Users => [.. _connections.Keys];

    public bool IsEmpty => _connections.IsEmpty;

    public bool Has(UserId user) => _connections.ContainsKey(user);

    public bool HasAny(IReadOnlyCollection<UserId> users)
    {
        foreach (var user in users)
        {
            if (_connections.ContainsKey(user))
                return true;
        }

        return false;
    }

    public Connection[] Of(UserId user) => _connections.TryGetValue(user, out var connections) ? connections : [];

    /// <returns>Whether it is the user's first socket.</returns>
    public bool Add(Connection connection)
    {
        Interlocked.Increment(ref _count);
        return _connections
            .AddOrUpdate(connection.User, _ => [connection], (_, others) => [.. others, connection]).Length == 1;
    }

    /// <returns>Whether it was the user's last socket.</returns>
    public bool Remove(Connection connection)
    {
        Interlocked.Decrement(ref _count);
        while (_connections.TryGetValue(connection.User, out var all))
        {
            var rest = all.Where(other => other != connection).ToArray();
            if (rest.Length == 0
                ? _connections.TryRemove(KeyValuePair.Create(connection.User, all))
                : _connections.TryUpdate(connection.User, rest, all))
                return rest.Length == 0;
        }

        return false;
    }

    /// <summary>Closes the sockets of a removed device.</summary>
    public void CloseDevice(UserId user, DeviceId device)
    {
        foreach (var connection in Of(user))
        {
            if (connection.Device == device)
                connection.Close(WebSocketCloseStatus.PolicyViolation, "the device was removed");
        }
    }

    /// <summary>Closes the sockets whose access token has expired.</summary>
    public void CloseExpired(DateTimeOffset now)
    {
        foreach (var connection in All())
        {
            if (connection.ExpiresAt <= now)
                connection.Close(Newcomers.NotAuthenticated, "token expired");
        }
    }

    /// <summary>Closes sockets without progress, and pings the others (<see cref="Connection.Check"/>).</summary>
    public void Check(TimeProvider clock, TimeSpan keepAlive)
    {
        foreach (var connection in All())
            connection.Check(clock, keepAlive);
    }

    /// <summary>Closes every socket with 1001; clients reconnect.</summary>
    public void CloseAll(string reason)
    {
        foreach (var connection in All())
            connection.Close(WebSocketCloseStatus.EndpointUnavailable, reason);
    }

    /// <summary>Closes every socket with 1001, and waits until all that was queued for them is written.</summary>
    /// <param name="cancellationToken">Ends the waiting; it does not throw.</param>
    public async Task CloseAllAsync(CancellationToken cancellationToken)
    {
        CloseAll("server going away");
        await Task.WhenAll(All().Select(connection => connection.Outbound.DrainedAsync())).WaitAsync(cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Finds which conversations have sockets on this node.</summary>
    /// <param name="conversations">The conversations in question; those that a socket knows are moved.</param>
    /// <param name="known">Gets the conversations that a socket knows.</param>
    /// <returns>Whether a socket has not read its inbox yet, so that it may know more.</returns>
    public bool Divide(HashSet<ConversationId> conversations, HashSet<ConversationId> known)
    {
        var isNew = false;
        foreach (var connection in All())
        {
            if (conversations.Count == 0)
                return false;
            isNew |= connection.IsNew; // First: afterwards it knows all of its conversations.
            connection.Divide(conversations, known);
        }

        return isNew;
    }

    /// <summary>Finds the sockets that share a conversation with some users, but for their own.</summary>
    /// <param name="among">The sockets to look at.</param>
    /// <param name="memberships">The users' conversations.</param>
    /// <returns>The sockets by user; users whom none shares anything with are missing.</returns>
    public static Dictionary<UserId, List<Connection>> Sharing(
        IEnumerable<Connection> among, IReadOnlyCollection<(UserId User, ConversationId Conversation)> memberships)
    {
        var conversations = memberships.GroupBy(item => item.Conversation, item => item.User)
            .ToDictionary(group => group.Key, group => group.ToList());
        var (sharing, found) = (new Dictionary<UserId, List<Connection>>(), new HashSet<UserId>());
        foreach (var connection in conversations.Count > 0 ? among : [])
        {
            found.Clear();
            connection.FindSharing(conversations, found);
            found.Remove(connection.User);
            foreach (var user in found)
            {
                if (!sharing.TryGetValue(user, out var connections))
                    sharing[user] = connections = [];
                connections.Add(connection);
            }
        }

        return sharing;
    }

    /// <summary>Divides the sockets: those that have read their inbox know all of their conversations.</summary>
    public ILookup<bool, Connection> ByIsNew() => All().ToLookup(connection => connection.IsNew);

    private IEnumerable<Connection> All() => _connections.Values.SelectMany(connections => connections);
}
