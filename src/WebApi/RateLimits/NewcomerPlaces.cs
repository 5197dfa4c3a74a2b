using ChatCqrs.Application;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// How many sockets of this node may be open that have not said yet who they are: of one address, and of all.
/// </summary>
internal sealed class NewcomerPlaces(IOptions<RateLimitOptions> options)
{
    /// <summary>The most of all addresses; also without rate limits.</summary>
    public const int AllMax = 5_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<ClientAddress, int> _open = [];
    private int _all;

    /// <summary>How many are open.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _all;
        }
    }

    /// <summary>Takes a place; <see cref="Leave"/> gives it back.</summary>
    /// <exception cref="RefusedException">There is none. Each is free again within seconds.</exception>
    public void Enter(ClientAddress address)
    {
        lock (_lock)
        {
            var open = _open.GetValueOrDefault(address);
            if (_all >= AllMax || (options.Value.Enabled && open >= options.Value.NewcomersMax))
                throw new RefusedException(Refusal.RateLimited, TimeSpan.FromSeconds(1));
            _open[address] = open + 1;
            _all++;
        }
    }

    public void Leave(ClientAddress address)
    {
        lock (_lock)
        {
            _all--;
            if (--_open[address] == 0)
                _open.Remove(address);
        }
    }
}
