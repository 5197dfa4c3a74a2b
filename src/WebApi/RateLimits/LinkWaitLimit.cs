using System.Threading.RateLimiting;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// How many requests wait for device links at once on this node, of one address and of all. Holds also where rates are
/// turned off: what waits takes memory.
/// </summary>
internal sealed class LinkWaitLimit : IDisposable
{
    /// <summary>The <c>Retry-After</c> beyond it: by then some of the waiting ones have been answered.</summary>
    private static readonly TimeSpan BusyFor = TimeSpan.FromSeconds(5);

    private readonly PartitionedRateLimiter<ClientAddress> _limiter;

    public LinkWaitLimit(IOptions<DeviceLinkOptions> options) =>
        _limiter = PartitionedRateLimiter.CreateChained(
            Partitions(address => address, options.Value.WaitsPerAddress),
            Partitions(_ => default, options.Value.WaitsMax));

    /// <returns>The permission to wait; ends with its disposal.</returns>
    /// <exception cref="RefusedException">Too many wait.</exception>
    public RateLimitLease Take(ClientAddress address)
    {
        var lease = _limiter.AttemptAcquire(address);
        if (lease.IsAcquired)
            return lease;
        lease.Dispose();
        throw new RefusedException(Refusal.RateLimited, BusyFor);
    }

    public void Dispose() => _limiter.Dispose();

    private static PartitionedRateLimiter<ClientAddress> Partitions(
        Func<ClientAddress, ClientAddress> keyOf, int permits) =>
        PartitionedRateLimiter.Create<ClientAddress, ClientAddress>(address =>
            RateLimitPartition.GetConcurrencyLimiter(
                keyOf(address),
                _ => new ConcurrencyLimiterOptions { PermitLimit = permits, QueueLimit = 0 }));
}
