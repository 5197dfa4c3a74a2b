using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Writing;

/// <inheritdoc cref="IConversationWriter"/>
public sealed class ConversationWriter(
    IEventStore store, IEventCodec codec, ISnapshots snapshots, ISentMessages sentMessages, IReadSide readSide,
    ILiveDelivery live, INodeBus bus, TracedAppends traced, IOptions<WriterOptions> options, ClockGuard guard,
    TimeProvider clock, IHostApplicationLifetime lifetime, ILogger<ConversationWriter> logger)
    : IConversationWriter, IHostedService, IDisposable
{
    private static readonly TimeSpan HeadRetryAfter = TimeSpan.FromMilliseconds(500);

    private readonly Committed _committed = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource<LogPosition> _started =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private volatile WriterPartition[] _partitions = [];
    private Task _running = Task.CompletedTask;

    public Task<LogPosition> Started => _started.Task;

    public LogPosition LastCommitted => _committed.Position;

    public void Dispose() => _stopping.Dispose();

    public Task<Changed> ChangeAsync(
        ConversationId id, ConversationCommand command, Origin origin, CancellationToken cancellationToken)
    {
        var request = new PendingChange(id, command, origin);
        return Post(request, request.Answer, cancellationToken);
    }

    public Task<Sent> SendAsync(
        ConversationId id, ConversationCommand.SendMessage command, Origin origin, CancellationToken cancellationToken,
        SealedFor assumption = default, Task<bool>? maySend = null)
    {
        var request = new PendingSend(id, command, origin, assumption, maySend);
        return Post(request, request.Answer, cancellationToken);
    }

    public Task<LogPosition> AcknowledgeAsync(
        ConversationId id, ReceiptCommand command, Origin origin, CancellationToken cancellationToken)
    {
        var request = new PendingReceipt(id, command, origin);
        return Post(request, request.Answer, cancellationToken);
    }

    public Task<Conversation> PeekAsync(ConversationId id, CancellationToken cancellationToken)
    {
        var request = new PendingPeek(id);
        return Post(request, request.Answer, cancellationToken);
    }

    /// <summary>Starts deciding once the log has answered; until then every request is refused with 503.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _running = Task.Run(() => RunAsync(_stopping.Token), CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <summary>Answers the requests that wait, unless the token is cancelled first.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        foreach (var partition in _partitions)
            partition.Stop();
        await _running.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        var head = await HeadAsync(stopping);
        _committed.Raise(head);
        var sentIds = new SentIds(clock.GetUtcNow(), head);
        var loader = new ConversationLoader(store, codec, snapshots);
        var decider = new Decider(codec, sentIds, clock, logger);
        var lookUp = new IdLookUp(sentMessages, readSide, sentIds);
        var partitions = Enumerable.Range(0, options.Value.Partitions)
            .Select(_ => new WriterPartition(
                store, loader, decider, sentIds, lookUp, live, bus, traced, _committed, guard, options.Value,
                clock, logger))
            .ToArray();
        _partitions = partitions;
        _started.SetResult(head);
        await Task.WhenAll(partitions.Select(partition => Task.Run(() => RunAsync(partition), CancellationToken.None)));
    }

    /// <summary>Stops the node when a partition fails: its conversations would wait for ever otherwise.</summary>
    private async Task RunAsync(WriterPartition partition)
    {
        try
        {
            await partition.RunAsync();
        }
        catch (Exception exception)
        {
            logger.LogCritical(exception, "A part of the conversation writer has ended. The server stops.");
            lifetime.StopApplication();
            throw;
        }
    }

    private async Task<LogPosition> HeadAsync(CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                return await store.HeadAsync(stopping);
            }
            catch (StoreUnavailableException exception)
            {
                logger.LogWarning("The event log cannot be reached yet: {Reason}", exception.Message);
                await Task.Delay(HeadRetryAfter, clock, stopping);
            }
        }
    }

    public void Notice(ConversationId id, long firstSeq, long lastSeq, bool isWatched)
    {
        var partitions = _partitions;
        if (partitions.Length > 0)
            PartitionOf(partitions, id).Notice(id, firstSeq, lastSeq, isWatched);
    }

    public void ForgetAll()
    {
        foreach (var partition in _partitions)
            partition.ForgetAll();
    }

    private static WriterPartition PartitionOf(WriterPartition[] partitions, ConversationId id) =>
        partitions[(uint)id.GetHashCode() % (uint)partitions.Length];

    private Task<TAnswer> Post<TAnswer>(Pending request, Task<TAnswer> answer, CancellationToken cancellationToken)
    {
        var partitions = _partitions;
        if (partitions.Length == 0)
            return Task.FromException<TAnswer>(new StoreUnavailableException("The writer has not started."));
        PartitionOf(partitions, request.Conversation).Post(request);
        return cancellationToken.CanBeCanceled ? answer.WaitAsync(cancellationToken) : answer;
    }
}

/// <summary>The newest position that any partition of this node has committed.</summary>
internal sealed class Committed
{
    private ulong _position;

    public LogPosition Position => new(Volatile.Read(ref _position));

    public void Raise(LogPosition position)
    {
        var seen = Volatile.Read(ref _position);
        while (position.Value > seen)
        {
            var before = Interlocked.CompareExchange(ref _position, position.Value, seen);
            if (before == seen)
                return;
            seen = before;
        }
    }
}
