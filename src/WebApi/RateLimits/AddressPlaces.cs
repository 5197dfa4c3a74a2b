using ChatCqrs.Application;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// How many places of one kind this node has: for one address, and for all. An address that has some already leaves
/// the others most of what is free, so that a few do not use up everything.
/// </summary>
/// <param name="perAddress">The most of one address; null for no bound, then one address may take all.</param>
/// <param name="all">The most of all addresses.</param>
/// <param name="retryAfter">After which time a place may be free again.</param>
internal abstract class AddressPlaces(int? perAddress, int all, TimeSpan retryAfter)
{
    /// <summary>
    /// An address may have as many places as this part of the free ones: dynamic thresholds, as switches share their
    /// buffers (Choudhury and Hahne, 1998).
    /// </summary>
    public const int FreePart = 4;

    private readonly Lock _lock = new();
    private readonly Dictionary<ClientAddress, int> _taken = [];
    private int _count;

    /// <summary>How many are taken.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _count;
        }
    }

    /// <summary>Takes a place, until the result is disposed of.</summary>
    /// <exception cref="RefusedException">There is none.</exception>
    public IDisposable Take(ClientAddress address)
    {
        lock (_lock)
        {
            var taken = _taken.GetValueOrDefault(address);
            var free = all - _count;
            if (free <= 0 || taken >= Math.Min(perAddress ?? all, Share(free)))
                throw new RefusedException(Refusal.RateLimited, retryAfter);
            _taken[address] = taken + 1;
            _count++;
        }

        return new Place(this, address);
    }

    /// <summary>The most of an address that has places, or takes its first one.</summary>
    private int Share(int free) => perAddress is null ? all : Math.Max(1, free / FreePart);

    private void Leave(ClientAddress address)
    {
        lock (_lock)
        {
            _count--;
            if (--_taken[address] == 0)
                _taken.Remove(address);
        }
    }

    private sealed class Place(AddressPlaces places, ClientAddress address) : IDisposable
    {
        private int _isLeft;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isLeft, 1) == 0)
                places.Leave(address);
        }
    }
}

/// <summary>The places of sockets that have not said yet who they are. Each is free again within seconds.</summary>
internal sealed class NewcomerPlaces(IOptions<RateLimitOptions> options) : AddressPlaces(
    options.Value.Enabled ? options.Value.NewcomersMax : null, AllMax, TimeSpan.FromSeconds(1))
{
    /// <summary>The most of all addresses; also without rate limits.</summary>
    public const int AllMax = 5_000;
}

/// <summary>
/// The places of requests that wait for device links. Bounded also where rates are turned off: what waits takes memory.
/// </summary>
internal sealed class LinkWaitPlaces(IOptions<DeviceLinkOptions> options) : AddressPlaces(
    options.Value.WaitsPerAddress, options.Value.WaitsMax, TimeSpan.FromSeconds(5));
