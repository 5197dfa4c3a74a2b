using System.Runtime.InteropServices;

namespace ChatCqrs.Bench.Load;

/// <summary>
/// Drives many sockets on the calling thread: reads input, hands frames out, then writes the answers.
/// </summary>
internal sealed class EventLoop : IDisposable
{
    private const int ReceiveBytes = 256 * 1024;

    private readonly Epoll _epoll = new();
    private readonly List<SocketClient?> _clients = [];
    private readonly List<SocketClient> _dirty = [];
    private readonly byte[] _received = GC.AllocateUninitializedArray<byte>(ReceiveBytes, pinned: true);

    public void Add(SocketClient client)
    {
        client.Join(this, _clients.Count);
        _clients.Add(client);
        _epoll.Watch(client.Fd, client.Token);
    }

    /// <summary>One round: waits for input, at most the given time, handles all of it, and sends the answers.</summary>
    public void Turn(TimeSpan most)
    {
        Flush();
        var ready = _epoll.Wait(most);
        for (var i = 0; i < ready; i++)
        {
            var (token, readable, writable) = _epoll[i];
            if (_clients[token] is not { } client)
            {
                continue;
            }

            if (writable)
            {
                client.Flush();
            }

            if (readable)
            {
                client.Receive(_received);
            }
        }

        Flush();
    }

    /// <summary>Turns until the condition holds; false when the time ran out first.</summary>
    public bool TurnUntil(Func<bool> condition, TimeSpan most)
    {
        var deadline = Clock.Now + Clock.Ticks(most);
        while (!condition())
        {
            if (Clock.Now > deadline)
            {
                return false;
            }

            Turn(TimeSpan.FromMilliseconds(20));
        }

        return true;
    }

    internal void Dirty(SocketClient client) => _dirty.Add(client);

    internal void WatchOutput(SocketClient client, bool on) => _epoll.WatchOutput(client.Fd, client.Token, on);

    internal void Forget(SocketClient client) => _clients[client.Token] = null;

    public void Dispose()
    {
        for (var i = 0; i < _clients.Count; i++)
        {
            _clients[i]?.Dispose();
        }

        _epoll.Dispose();
    }

    private void Flush()
    {
        foreach (var client in CollectionsMarshal.AsSpan(_dirty))
        {
            client.Flush();
        }

        _dirty.Clear();
    }
}
