using System.Collections.Concurrent;
using System.Threading.Channels;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.EventStoreDb.Protocol;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>
/// One lasting <c>BatchAppend</c> call to a node, over which all appends go at once, each under a correlation id. When it ends, whatever is on its way
/// fails, and a new one is opened for what comes next.
/// </summary>
internal sealed class AppendPipe : IDisposable
{
    /// <summary>How long an answer is awaited that tells why nothing can be written any more.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    /// <summary>What the server is told to take at most for one append; the caller gives up soon after.</summary>
    private readonly Duration _deadline;

    private readonly CancellationTokenSource _end = new();
    private readonly AsyncDuplexStreamingCall<BatchAppendReq, BatchAppendResp> _call;
    private readonly Channel<BatchAppendReq> _requests = Channel.CreateUnbounded<BatchAppendReq>(new() { SingleReader = true });
    private readonly ConcurrentDictionary<long, (AppendCall Call, int Index)> _waiting = new();
    private readonly long _prefix = Random.Shared.NextInt64(1, long.MaxValue);
    private Exception? _failure;
    private long _last;

    public AppendPipe(Node node, TimeSpan deadline)
    {
        Node = node;
        _deadline = Duration.FromTimeSpan(deadline);
        _call = node.Streams.BatchAppend(node.Lasting(_end.Token));
        _ = RunAsync();
    }

    public Node Node { get; }

    public bool IsBroken => Volatile.Read(ref _failure) is not null;

    /// <summary>Puts appends on their way; how many may be is bounded by who calls.</summary>
    public AppendCall Send(IReadOnlyList<StreamAppend> appends)
    {
        var call = new AppendCall(appends, Node.Address);
        for (var index = 0; index < appends.Count; index++)
        {
            var id = Interlocked.Increment(ref _last);
            _waiting[id] = (call, index);
            _requests.Writer.TryWrite(Request(id, appends[index]));
        }

        if (Volatile.Read(ref _failure) is { } failure) // It may have ended before all were among those that it fails.
            call.Fail(failure);
        return call;
    }

    /// <summary>Ends the call; whatever is on its way fails.</summary>
    public void Break(Exception reason)
    {
        if (Interlocked.CompareExchange(ref _failure, reason, null) is not null)
            return;
        _requests.Writer.TryComplete();
        foreach (var id in _waiting.Keys)
        {
            if (_waiting.TryRemove(id, out var waiting))
                waiting.Call.Fail(reason);
        }

        _end.Cancel(); // The server does not end the call by itself.
    }

    public void Dispose()
    {
        Break(new StoreUnavailableException("The connection to EventStoreDB was closed."));
        _call.Dispose();
    }

    private async Task RunAsync()
    {
        Exception failure = new RpcException(new global::Grpc.Core.Status(StatusCode.Unavailable, "The server has ended the call."));
        var reading = ReadAsync();
        var writing = WriteAsync();
        try
        {
            if (await Task.WhenAny(reading, writing) == writing)
                _end.CancelAfter(LastWords);
            await reading; // How the call ended is told to the one who reads.
        }
        catch (Exception told)
        {
            failure = told;
        }

        Break(failure);
        await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task WriteAsync()
    {
        var more = new WriteOptions(WriteFlags.BufferHint);
        while (await _requests.Reader.WaitToReadAsync())
        {
            while (_requests.Reader.TryRead(out var request))
            {
                _call.RequestStream.WriteOptions = _requests.Reader.TryPeek(out _) ? more : WriteOptions.Default;
                await _call.RequestStream.WriteAsync(request);
            }
        }
    }

    private async Task ReadAsync()
    {
        while (await _call.ResponseStream.MoveNext(CancellationToken.None))
        {
            var response = _call.ResponseStream.Current;
            if (_waiting.TryRemove(response.CorrelationId.Structured.LeastSignificantBits, out var waiting))
                waiting.Call.Answer(waiting.Index, response);
        }
    }

    private BatchAppendReq Request(long id, StreamAppend append)
    {
        var options = new BatchAppendReq.Types.Options { StreamIdentifier = Wire.Stream(append.Stream), Deadline = _deadline };
        if (append.ExpectedRevision == StreamAppend.NoStream)
            options.NoStream = new Google.Protobuf.WellKnownTypes.Empty();
        else
            options.StreamPosition = (ulong)append.ExpectedRevision;
        var request = new BatchAppendReq { CorrelationId = Wire.Uuid(_prefix, id), Options = options, IsFinal = true };
        foreach (var data in append.Events)
            request.ProposedMessages.Add(Wire.Proposed(data));
        return request;
    }
}
