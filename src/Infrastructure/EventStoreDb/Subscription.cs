using System.Threading.Channels;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.EventStoreDb.Protocol;
using Grpc.Core;
using Channel = System.Threading.Channels.Channel;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>
/// A subscription to all streams of the application. It fills a bounded buffer. When a full buffer makes the server
/// close the subscription, it subscribes again after the last received event. It ends when its node is cut off from the
/// cluster, or silent: such a node delivers nothing, and may not know that there is anything.
/// </summary>
internal sealed class Subscription(Cluster cluster, EventStoreDbSettings settings, LogPosition after)
    : IAsyncDisposable
{
    /// <summary>How many events the buffer holds.</summary>
    private const int BufferMax = 8_000;

    /// <summary>How many bytes of events the buffer holds.</summary>
    private const int BytesMax = 16 * 1024 * 1024;

    /// <summary>How many events one batch has at most.</summary>
    private const int BatchMax = 2_000;

    /// <summary>The wait before subscribing again, which spares an overloaded server.</summary>
    private static readonly TimeSpan ResubscribeAfter = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<StoredEvent> _buffer = Channel.CreateBounded<StoredEvent>(
        new BoundedChannelOptions(BufferMax) { SingleReader = true, SingleWriter = true });
    private readonly Budget _bytes = new(BytesMax);
    private Task? _reading;

    /// <summary>The next batch; waits for at least one event.</summary>
    public async Task<IReadOnlyList<StoredEvent>> NextAsync(CancellationToken cancellationToken)
    {
        _reading ??= Task.Run(ReadAsync, CancellationToken.None);
        if (!await _buffer.Reader.WaitToReadAsync(cancellationToken))
            throw new StoreUnavailableException("The subscription to EventStoreDB has ended.");
        var batch = new List<StoredEvent>();
        while (batch.Count < BatchMax && _buffer.Reader.TryRead(out var stored))
        {
            batch.Add(stored);
            _bytes.Return(stored.Size);
        }

        return batch;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (_reading is not null)
            await _reading;
        _stop.Dispose();
    }

    /// <summary>Reads until disposal or a failure; the failure completes the buffer and reaches the consumer.</summary>
    private async Task ReadAsync()
    {
        try
        {
            while (true)
            {
                await cluster.CallAsync(ReadWatchedAsync, _stop.Token, isEndless: true);
                await Task.Delay(Backoff.WithJitter(ResubscribeAfter), _stop.Token);
            }
        }
        catch (Exception exception)
        {
            _buffer.Writer.TryComplete(exception);
        }
    }

    /// <exception cref="StoreUnavailableException">The node is cut off or silent; or the subscription has ended.</exception>
    private async Task<bool> ReadWatchedAsync(Node node, CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = ReadOnceAsync(node, end.Token);
        var watching = WatchAsync(node, end.Token);
        var isCutOff = await Task.WhenAny(reading, watching) == watching;
        await end.CancelAsync();
        await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!isCutOff)
            return await reading;
        await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        throw new StoreUnavailableException($"EventStoreDB at {node.Address} is silent, or cut off from its cluster.");
    }

    /// <summary>Ends once the node cannot be used any more.</summary>
    private async Task WatchAsync(Node node, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(settings.CheckEvery);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            if (!await cluster.IsUsableAsync(node, cancellationToken))
                return;
        }
    }

    /// <returns>Always true: the server closed the subscription of a slow consumer. Other ends throw.</returns>
    private async Task<bool> ReadOnceAsync(Node node, CancellationToken cancellationToken)
    {
        using var unconfirmed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        unconfirmed.CancelAfter(settings.DefaultDeadline);
        await node.VersionAsync(unconfirmed.Token);
        using var call = node.Streams.Read(Reads.Following(after), node.WithoutDeadline(unconfirmed.Token));
        try
        {
            while (await call.ResponseStream.MoveNext(CancellationToken.None))
            {
                var response = call.ResponseStream.Current;
                if (response.ContentCase == ReadResp.ContentOneofCase.Confirmation)
                    unconfirmed.CancelAfter(Timeout.InfiniteTimeSpan);
                else if (response.ContentCase == ReadResp.ContentOneofCase.Event)
                    await TakeAsync(Wire.Stored(response.Event), cancellationToken);
            }
        }
        catch (RpcException failure) when (failure.StatusCode == StatusCode.Aborted)
        {
            return true;
        }

        throw new StoreUnavailableException($"EventStoreDB at {node.Address} has ended the subscription.");
    }

    private async ValueTask TakeAsync(StoredEvent stored, CancellationToken cancellationToken)
    {
        await _bytes.TakeAsync(stored.Size, cancellationToken);
        if (!_buffer.Writer.TryWrite(stored))
            await _buffer.Writer.WriteAsync(stored, cancellationToken);
        after = stored.Position;
    }
}
