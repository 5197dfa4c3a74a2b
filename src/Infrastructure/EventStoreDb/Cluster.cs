using System.Collections.Concurrent;
using ChatCqrs.Application.Ports;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>Selects the node for calls: the named host, a member that gossip reports, or the redirect target.</summary>
internal sealed class Cluster(EventStoreDbSettings settings, ILogger logger) : IDisposable
{
    /// <summary>How many redirects to a leader one call follows.</summary>
    public const int RedirectsMax = 3;

    private static readonly TimeSpan DiscoveryIntervalMax = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<NodeAddress, Node> _nodes = new();
    private readonly CancellationTokenSource _disposed = new();
    private readonly Lock _lock = new();
    private Task<Node>? _current;

    /// <exception cref="StoreUnavailableException">No member of the cluster can be used.</exception>
    public Task<Node> NodeAsync(CancellationToken cancellationToken)
    {
        Task<Node> current;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed.IsCancellationRequested, this);
            if (_current is null or { IsFaulted: true } or { IsCanceled: true })
                _current = settings.Discover ? DiscoverAsync() : Task.FromResult(At(settings.Hosts[0]));
            current = _current;
        }

        return current.IsCompletedSuccessfully ? current : current.WaitAsync(cancellationToken);
    }

    /// <summary>
    /// Leaves a node after a failed call: for the leader that it named, or for a new selection. The connection stays
    /// open and reconnects.
    /// </summary>
    public void Leave(Node node, NodeAddress? leader = null)
    {
        lock (_lock)
        {
            if (_current is { IsCompletedSuccessfully: true } current && current.Result == node)
                _current = leader is { } address ? Task.FromResult(At(address)) : null;
        }

        if (leader is not null)
            logger.LogInformation("EventStoreDB at {Node} is not the leader, {Leader} is.", node.Address, leader);
    }

    /// <summary>Makes a call and follows redirects.</summary>
    /// <exception cref="StoreUnavailableException">The call failed and may succeed later.</exception>
    /// <exception cref="InvalidOperationException">The server refuses the call.</exception>
    public async Task<T> CallAsync<T>(Func<Node, CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        for (var redirects = 0; ; redirects++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var node = await NodeAsync(cancellationToken);
            try
            {
                return await call(node, cancellationToken);
            }
            catch (RpcException failure) when (failure.IsNotLeader(out var leader) && redirects < RedirectsMax)
            {
                Leave(node, leader);
            }
            catch (RpcException) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellationToken);
            }
            catch (RpcException failure)
            {
                if (failure.IsPassing())
                    Leave(node);
                throw Failures.Translate(failure, node.Address);
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed.IsCancellationRequested)
                return;
            _disposed.Cancel();
        }

        foreach (var node in _nodes.Values)
            node.Dispose();
    }

    private Node At(NodeAddress address) =>
        _nodes.GetOrAdd(address, (key, options) => new Node(key, options), settings);

    private async Task<Node> DiscoverAsync()
    {
        var interval = settings.DiscoveryInterval;
        for (var attempt = 1; ; attempt++)
        {
            foreach (var address in Candidates())
            {
                if (await AskAsync(At(address)) is { } chosen)
                {
                    logger.LogInformation("EventStoreDB at {Node} was found by asking {Asked}.", chosen, address);
                    return At(chosen);
                }
            }

            if (attempt == settings.MaxDiscoverAttempts)
            {
                throw new StoreUnavailableException(
                    $"No member of the cluster of {string.Join(", ", settings.Hosts)} can be used.");
            }

            await Task.Delay(Backoff.WithJitter(interval), _disposed.Token);
            interval = Backoff.Next(interval, DiscoveryIntervalMax);
        }
    }

    /// <summary>The configured hosts, then the members that gossip reported; the hosts in random order.</summary>
    private IEnumerable<NodeAddress> Candidates()
    {
        var seeds = settings.Hosts.ToArray();
        Random.Shared.Shuffle(seeds);
        return seeds.Concat(_nodes.Keys.Except(seeds));
    }

    private async Task<NodeAddress?> AskAsync(Node node)
    {
        try
        {
            var options = node.WithoutDeadline(_disposed.Token).WithDeadline(DateTime.UtcNow + settings.GossipTimeout);
            return settings.NodePreference.Choose((await node.Gossip.ReadAsync(new Protocol.Empty(), options)).Members);
        }
        catch (RpcException failure)
        {
            logger.LogWarning(
                "EventStoreDB at {Node} did not report the members of its cluster: {Status}.",
                node.Address, failure.Status);
            return null;
        }
    }
}
