using System.Collections.Concurrent;
using ChatCqrs.Application.Ports;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>
/// Selects the node for calls: the named host, a member that gossip reports, or the redirect target. A node that does
/// not answer in time, or says that it is not ready, is left.
/// </summary>
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
        if (leader is null)
            node.NoteLeft();
        lock (_lock)
        {
            if (_current is { IsCompletedSuccessfully: true } current && current.Result == node)
                _current = leader is { } address ? Task.FromResult(At(address)) : null;
        }

        if (leader is not null)
            logger.LogInformation("EventStoreDB at {Node} is not the leader, {Leader} is.", node.Address, leader);
    }

    /// <summary>
    /// Makes a call and follows redirects, all within <see cref="EventStoreDbSettings.DefaultDeadline"/>.
    /// </summary>
    /// <param name="isEndless">Whether the call itself has no time limit, as a subscription.</param>
    /// <exception cref="StoreUnavailableException">The call failed and may succeed later.</exception>
    /// <exception cref="InvalidOperationException">The server refuses the call.</exception>
    public async Task<T> CallAsync<T>(
        Func<Node, CancellationToken, Task<T>> call, CancellationToken cancellationToken, bool isEndless = false)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(settings.DefaultDeadline);
        for (var redirects = 0; ; redirects++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var node = await NodeInTimeAsync(limit.Token, cancellationToken);
            try
            {
                return await call(node, isEndless ? cancellationToken : limit.Token);
            }
            catch (RpcException failure) when (failure.IsNotLeader(out var leader) && redirects < RedirectsMax)
            {
                Leave(node, leader);
            }
            catch (RpcException) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellationToken);
            }
            catch (Exception failure) when (failure is OperationCanceledException or RpcException
                && !isEndless && limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                Leave(node);
                throw new StoreUnavailableException($"EventStoreDB at {node.Address} does not answer in time.", failure);
            }
            catch (RpcException failure)
            {
                if (failure.IsPassing())
                    Leave(node);
                throw Failures.Translate(failure, node.Address);
            }
            catch (StoreUnavailableException)
            {
                Leave(node);
                throw;
            }
        }
    }

    /// <summary>
    /// Whether a node answers and belongs to a cluster with a leader: one that is cut off from the others does not.
    /// </summary>
    public async Task<bool> IsUsableAsync(Node node, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(node, cancellationToken);
        return answer.Failure is { } failure
            ? failure is not (StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled)
            : !settings.Discover || answer.IsOfCluster;
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

    private async Task<Node> NodeInTimeAsync(CancellationToken limit, CancellationToken cancellationToken)
    {
        try
        {
            return await NodeAsync(limit);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StoreUnavailableException("No member of the cluster of EventStoreDB was found in time.", exception);
        }
    }

    private Node At(NodeAddress address) =>
        _nodes.GetOrAdd(address, (key, options) => new Node(key, options), settings);

    private async Task<Node> DiscoverAsync()
    {
        await Task.Yield();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_disposed.Token);
        limit.CancelAfter(settings.DefaultDeadline);
        var interval = settings.DiscoveryInterval;
        try
        {
            for (var attempt = 1; attempt <= settings.MaxDiscoverAttempts; attempt++)
            {
                if (await AskAllAsync(limit.Token) is { } chosen)
                {
                    logger.LogInformation("EventStoreDB at {Node} was found.", chosen);
                    return At(chosen);
                }

                await Task.Delay(Backoff.WithJitter(interval), limit.Token);
                interval = Backoff.Next(interval, DiscoveryIntervalMax);
            }
        }
        catch (OperationCanceledException) when (!_disposed.IsCancellationRequested)
        {
            // The time is over.
        }

        throw new StoreUnavailableException(
            $"No member of the cluster of {string.Join(", ", settings.Hosts)} can be used.");
    }

    /// <summary>
    /// Asks the configured hosts, and the members that gossip reported, all at once. Some of them may be silent: soon
    /// after the first usable answer the others are no longer waited for.
    /// </summary>
    private async Task<NodeAddress?> AskAllAsync(CancellationToken cancellationToken)
    {
        using var round = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var asked = settings.Hosts.Concat(_nodes.Keys.Except(settings.Hosts))
            .Select(address => AskAsync(At(address), round.Token)).ToList();
        var votes = new GossipVotes(
            settings.NodePreference, address => _nodes.TryGetValue(address, out var node) && node.WasLeft);
        var isUsable = false;
        try
        {
            await foreach (var answered in Task.WhenEach(asked).WithCancellation(round.Token))
            {
                votes.Add(await answered);
                if (votes.IsDecided)
                    break;
                if (isUsable || votes.Choose() is null)
                    continue;
                isUsable = true;
                round.CancelAfter(GossipVotes.Grace);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Those who have not answered by now are silent.
        }

        await round.CancelAsync();
        return votes.Choose();
    }

    private async Task<GossipAnswer> AskAsync(Node node, CancellationToken cancellationToken)
    {
        try
        {
            var options = node.WithoutDeadline(cancellationToken)
                .WithDeadline(DateTime.UtcNow + settings.GossipTimeout);
            var members = (await node.Gossip.ReadAsync(new Protocol.Empty(), options)).Members;
            return new GossipAnswer(node.Address, members, null);
        }
        catch (RpcException failure)
        {
            if (!cancellationToken.IsCancellationRequested)
            {
                logger.LogWarning(
                    "EventStoreDB at {Node} did not report the members of its cluster: {Status}.",
                    node.Address, failure.Status);
            }

            return new GossipAnswer(node.Address, [], failure.StatusCode);
        }
    }
}
