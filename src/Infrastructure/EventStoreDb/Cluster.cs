using System.Collections.Concurrent;
using ChatCqrs.Application.Ports;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>Knows which node to talk to: the one that was named, the one that gossip tells, or the leader that a node pointed to.</summary>
internal sealed class Cluster(EventStoreDbSettings settings, ILogger logger) : IDisposable
{
    /// <summary>How often one call follows a node that points to another.</summary>
    public const int RedirectsMax = 3;

    private static readonly TimeSpan DiscoveryIntervalMax = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<NodeAddress, Node> _nodes = new();
    private readonly CancellationTokenSource _disposed = new();
    private readonly Lock _lock = new();
    private Task<Node>? _current;

    /// <exception cref="StoreUnavailableException">Nobody in the cluster can be used.</exception>
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

    /// <summary>A call to a node failed: look again, or go to the leader that it named. The connection itself is kept, and mends itself.</summary>
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

    /// <summary>Makes a call, follows nodes that point to the leader, and says why it failed in the words of <see cref="IEventStore"/>.</summary>
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

    private Node At(NodeAddress address) => _nodes.GetOrAdd(address, (key, options) => new Node(key, options), settings);

    private async Task<Node> DiscoverAsync()
    {
        var interval = settings.DiscoveryInterval;
        for (var attempt = 1; ; attempt++)
        {
            foreach (var address in Known())
            {
                if (await AskAsync(At(address)) is { } chosen)
                {
                    logger.LogInformation("EventStoreDB at {Node} was found by asking {Asked}.", chosen, address);
                    return At(chosen);
                }
            }

            if (attempt == settings.MaxDiscoverAttempts)
                throw new StoreUnavailableException($"No member of the cluster of {string.Join(", ", settings.Hosts)} can be used.");
            await Task.Delay(Backoff.WithJitter(interval), _disposed.Token);
            interval = Backoff.Next(interval, DiscoveryIntervalMax);
        }
    }

    /// <summary>Those that were named first, then those that gossip told of; both in random order.</summary>
    private IEnumerable<NodeAddress> Known()
    {
        var seeds = settings.Hosts.ToArray();
        Random.Shared.Shuffle(seeds);
        return seeds.Concat(_nodes.Keys.Except(seeds));
    }

    private async Task<NodeAddress?> AskAsync(Node node)
    {
        try
        {
            var options = node.Lasting(_disposed.Token).WithDeadline(DateTime.UtcNow + settings.GossipTimeout);
            return settings.NodePreference.Choose((await node.Gossip.ReadAsync(new Protocol.Empty(), options)).Members);
        }
        catch (RpcException failure)
        {
            logger.LogWarning("EventStoreDB at {Node} did not tell the members of its cluster: {Status}.", node.Address, failure.Status);
            return null;
        }
    }
}
