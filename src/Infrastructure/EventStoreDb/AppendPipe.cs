using System.Collections.Concurrent;
using System.Threading.Channels;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.EventStoreDb.Protocol;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>
/// One long-lived <c>BatchAppend</c> call to a node. It carries concurrent appends, each under a correlation id. When
/// the call ends, pending appends fail, and the adapter opens a new pipe.
/// </summary>
internal sealed class AppendPipe : IDisposable
{
    /// <summary>How long a failed write waits for the server's status, which gives the reason.</summary>
    private static readonly TimeSpan StatusWait = TimeSpan.FromSeconds(1);

    /// <summary><see cref="EventStoreDbSettings.ServerDeadline"/>; the caller's timeout is longer.</summary>
    private readonly Duration _deadline;

    private readonly CancellationTokenSource _end = new();
    private readonly AsyncDuplexStreamingCall<BatchAppendReq, BatchAppendResp> _call;
    private readonly Channel<BatchAppendReq> _requests =
        Channel.CreateUnbounded<BatchAppendReq>(new() { SingleReader = true });
    private readonly ConcurrentDictionary<long, (AppendCall Call, int Index)> _waiting = new();
    private readonly long _idPrefix = Random.Shared.NextInt64(1, long.MaxValue);
    private Exception? _failure;
    private long _lastId;

    public AppendPipe(Node node, TimeSpan deadline)
    {
        Node = node;
        _deadline = Duration.FromTimeSpan(deadline);
        _call = node.Streams.BatchAppend(node.WithoutDeadline(_end.Token));
        _ = RunAsync();
    }

    public Node Node { get; }

    public bool IsBroken => Volatile.Read(ref _failure) is not null;

    /// <summary>Sends appends. The caller bounds how many are in flight.</summary>
    public AppendCall Send(IReadOnlyList<StreamAppend> appends)
    {
        var call = new AppendCall(appends, Node.Address);
        for (var index = 0; index < appends.Count; index++)
        {
            var id = Interlocked.Increment(ref _lastId);
            _waiting[id] = (call, index);
            _requests.Writer.TryWrite(Request(id, appends[index]));
        }

        if (Volatile.Read(ref _failure) is { } failure) // Break may have run before all appends were in _waiting.
            call.Fail(failure);
        return call;
    }

    /// <summary>Ends the call and fails pending appends.</summary>
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
        Exception failure = new RpcException(
            new global::Grpc.Core.Status(StatusCode.Unavailable, "The server has ended the call."));
        var reading = ReadAsync();
        var writing = WriteAsync();
        try
        {
            if (await Task.WhenAny(reading, writing) == writing)
                _end.CancelAfter(StatusWait);
            await reading; // Reading yields the call's status.
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        Break(failure);
        await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task WriteAsync()
    {
        var buffered = new WriteOptions(WriteFlags.BufferHint);
        while (await _requests.Reader.WaitToReadAsync())
        {
            while (_requests.Reader.TryRead(out var request))
            {
                var hasMore = _requests.Reader.TryPeek(out _);
                _call.RequestStream.WriteOptions = hasMore ? buffered : WriteOptions.Default;
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
        var options = new BatchAppendReq.Types.Options
        {
            StreamIdentifier = Wire.Stream(append.Stream),
            Deadline = _deadline,
        };
        if (append.ExpectedRevision == StreamAppend.NoStream)
            options.NoStream = new Google.Protobuf.WellKnownTypes.Empty();
        else
            options.StreamPosition = (ulong)append.ExpectedRevision;
        var request = new BatchAppendReq
        {
            CorrelationId = Wire.Uuid(_idPrefix, id),
            Options = options,
            IsFinal = true,
        };
        foreach (var data in append.Events)
            request.ProposedMessages.Add(Wire.Proposed(data));
        return request;
    }
}
