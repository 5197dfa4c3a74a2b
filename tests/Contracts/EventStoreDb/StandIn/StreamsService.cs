using ChatCqrs.Infrastructure.EventStoreDb;
using ChatCqrs.Infrastructure.EventStoreDb.Protocol;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Empty = Google.Protobuf.WellKnownTypes.Empty;
using ReadOptions = ChatCqrs.Infrastructure.EventStoreDb.Protocol.ReadReq.Types.Options;

namespace ChatCqrs.Contracts.EventStoreDb.StandIn;

/// <summary>The part of <c>Streams</c> that the adapter uses, with the observed behaviour of a real server.</summary>
internal sealed class StreamsService(StandInNode node) : Streams.StreamsBase
{
    private NodeLog Log => node.Log;

    public override async Task BatchAppend(
        IAsyncStreamReader<BatchAppendReq> requests, IServerStreamWriter<BatchAppendResp> responses,
        ServerCallContext context)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, node.Dropped);
        await foreach (var request in requests.ReadAllAsync(ended.Token))
        {
            node.Appending();
            node.ThrowIfNotLeader();
            if (!node.Answers)
                continue;
            await responses.WriteAsync(Append(request), ended.Token);
        }

        await Task.Delay(Timeout.Infinite, ended.Token); // The client's half-close does not end the call.
    }

    public override async Task Read(ReadReq request, IServerStreamWriter<ReadResp> responses, ServerCallContext context)
    {
        node.Heard(context.RequestHeaders);
        node.ThrowIfNotLeader();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, node.Dropped);
        var options = request.Options;
        if (options.UuidOption is null || !node.Answers)
            await Task.Delay(Timeout.Infinite, ended.Token);
        if (options.FilterOptionCase == ReadOptions.FilterOptionOneofCase.None)
            throw new RpcException(new(StatusCode.InvalidArgument, "no filter option"));
        if (options.CountOptionCase == ReadOptions.CountOptionOneofCase.Subscription)
            await FollowAsync(options, responses, ended.Token);
        else if (options.Count == 0)
            throw new RpcException(new(StatusCode.Unknown, "count 0"));
        else if (options.StreamOptionCase == ReadOptions.StreamOptionOneofCase.Stream)
            await ReadStreamAsync(options, responses, ended.Token);
        else if (options.ReadDirection == ReadOptions.Types.ReadDirection.Forwards)
            await ReadAllForwardsAsync(options, responses, ended.Token);
        else
            await ReadAllBackwardsAsync(options, responses, ended.Token);
    }

    private BatchAppendResp Append(BatchAppendReq request)
    {
        var options = request.Options;
        var response = new BatchAppendResp
        {
            CorrelationId = request.CorrelationId,
            StreamIdentifier = options.StreamIdentifier,
        };
        var stream = options.StreamIdentifier.StreamName.ToStringUtf8();
        if (!node.IsReady)
        {
            response.Error = new() { Code = 0, Message = "Server Is Not Ready" };
            return response;
        }

        if (stream == node.Denied)
        {
            response.Error = new() { Code = (int)StatusCode.PermissionDenied, Message = "AccessDenied" };
            return response;
        }

        var isNew = options.ExpectedStreamPositionCase
            == BatchAppendReq.Types.Options.ExpectedStreamPositionOneofCase.NoStream;
        var expected = isNew ? -1 : (long)options.StreamPosition;
        if (Log.Append(stream, expected, request.ProposedMessages, out var actual) is { } last)
        {
            response.Success = new()
            {
                CurrentRevision = (ulong)last.Revision,
                Position = new() { CommitPosition = last.Position, PreparePosition = last.Position },
            };
            return response;
        }

        var wrong = new WrongExpectedVersion();
        if (actual < 0)
            wrong.CurrentNoStream = new Empty();
        else
            wrong.CurrentStreamRevision = (ulong)actual;
        response.Error = new()
        {
            Code = (int)StatusCode.AlreadyExists,
            Message = "WrongExpectedVersion",
            Details = Any.Pack(wrong),
        };
        return response;
    }

    private async Task ReadStreamAsync(
        ReadOptions options, IServerStreamWriter<ReadResp> responses, CancellationToken cancellationToken)
    {
        var stream = options.Stream;
        if (Log.Stream(stream.StreamIdentifier.StreamName.ToStringUtf8()) is not { } records)
        {
            var notFound = new ReadResp { StreamNotFound = new() { StreamIdentifier = stream.StreamIdentifier } };
            await responses.WriteAsync(notFound, cancellationToken);
            return;
        }

        var from = stream.RevisionOptionCase == ReadOptions.Types.StreamOptions.RevisionOptionOneofCase.Revision
            ? stream.Revision
            : ulong.MaxValue;
        var chosen = options.ReadDirection == ReadOptions.Types.ReadDirection.Forwards
            ? records.Where(record => (ulong)record.Revision >= from)
            : records.Where(record => (ulong)record.Revision <= from).Reverse();
        foreach (var record in chosen.Take((int)options.Count))
            await responses.WriteAsync(Event(record), cancellationToken);
    }

    /// <summary>From a position, inclusive.</summary>
    private async Task ReadAllForwardsAsync(
        ReadOptions options, IServerStreamWriter<ReadResp> responses, CancellationToken cancellationToken)
    {
        var from = options.All.Position?.CommitPosition ?? 0;
        var chosen = Log.From(0).Where(record => record.Position >= from && Passes(options, record));
        foreach (var record in chosen.Take((int)options.Count))
            await responses.WriteAsync(Event(record), cancellationToken);
    }

    private async Task ReadAllBackwardsAsync(
        ReadOptions options, IServerStreamWriter<ReadResp> responses, CancellationToken cancellationToken)
    {
        foreach (var record in Log.From(0).Where(record => Passes(options, record)).Reverse().Take((int)options.Count))
            await responses.WriteAsync(Event(record), cancellationToken);
    }

    private async Task FollowAsync(
        ReadOptions options, IServerStreamWriter<ReadResp> responses, CancellationToken cancellationToken)
    {
        if (options.Filter.CheckpointIntervalMultiplier == 0)
            throw new RpcException(new(StatusCode.Unknown, "checkpoint interval 0"));
        var next = options.All.AllOptionCase == ReadOptions.Types.AllOptions.AllOptionOneofCase.Start
            ? 0
            : Log.After(options.All.Position.CommitPosition)
                ?? throw new RpcException(new(StatusCode.Unknown, "not the start of a record"));
        var subscriptions = node.Subscribed();
        var confirmation = new ReadResp { Confirmation = new() { SubscriptionId = Guid.NewGuid().ToString() } };
        await responses.WriteAsync(confirmation, cancellationToken);
        for (ulong filtered = 0; ;)
        {
            var appended = Log.Appended; // Taken before reading, so that no append is missed.
            if (!node.Delivers)
                await Task.Delay(Timeout.Infinite, cancellationToken);
            foreach (var record in Log.From(next))
            {
                next++;
                if (Passes(options, record))
                    await responses.WriteAsync(Event(record), cancellationToken);
                if (++filtered % options.Filter.Max == 0)
                    await responses.WriteAsync(Checkpoint(record), cancellationToken);
                if (node.TooSlowAfter is { } limit && subscriptions == 1 && next >= limit)
                    throw TooSlow();
            }

            await responses.WriteAsync(new() { CaughtUp = new() }, cancellationToken);
            await appended.WaitAsync(cancellationToken);
        }
    }

    private static RpcException TooSlow() => new(new(
        StatusCode.Aborted, "Consumer too slow to handle event while live. Client resubscription required."));

    private static ReadResp Checkpoint(Record record) => new()
    {
        Checkpoint = new() { CommitPosition = record.Position, PreparePosition = record.Position },
    };

    private static bool Passes(ReadOptions options, Record record) =>
        options.Filter.StreamIdentifier.Prefix
            .Any(prefix => record.Stream.StartsWith(prefix, StringComparison.Ordinal));

    private static ReadResp Event(Record record)
    {
        var recorded = new ReadResp.Types.ReadEvent.Types.RecordedEvent
        {
            Id = record.Data.Id,
            StreamIdentifier = Wire.Stream(record.Stream),
            StreamRevision = (ulong)record.Revision,
            CommitPosition = record.Position,
            PreparePosition = record.Position,
            Data = record.Data.Data,
            CustomMetadata = record.Data.CustomMetadata,
        };
        recorded.Metadata.Add(record.Data.Metadata);
        recorded.Metadata.Add("created", "0");
        return new ReadResp { Event = new() { Event = recorded, CommitPosition = record.Position } };
    }
}
