using ChatCqrs.Infrastructure.EventStoreDb;
using ChatCqrs.Infrastructure.EventStoreDb.Protocol;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Empty = Google.Protobuf.WellKnownTypes.Empty;

namespace ChatCqrs.Contracts.EventStoreDb.StandIn;

/// <summary>The part of <c>Streams</c> that the adapter uses, with the behaviour that was seen of a real server.</summary>
internal sealed class StreamsService(StandInNode node) : Streams.StreamsBase
{
    private NodeLog Log => node.Log;

    public override async Task BatchAppend(
        IAsyncStreamReader<BatchAppendReq> requests, IServerStreamWriter<BatchAppendResp> responses, ServerCallContext context)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, node.Dropped);
        await foreach (var request in requests.ReadAllAsync(ended.Token))
        {
            node.ThrowIfNotLeader();
            if (!node.Answers)
                continue;
            await responses.WriteAsync(Append(request), ended.Token);
        }

        await Task.Delay(Timeout.Infinite, ended.Token); // The call does not end because the client has said all.
    }

    public override async Task Read(ReadReq request, IServerStreamWriter<ReadResp> responses, ServerCallContext context)
    {
        node.Heard(context.RequestHeaders);
        node.ThrowIfNotLeader();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, node.Dropped);
        var options = request.Options;
        if (options.UuidOption is null || !node.Answers)
            await Task.Delay(Timeout.Infinite, ended.Token);
        if (options.FilterOptionCase == ReadReq.Types.Options.FilterOptionOneofCase.None)
            throw new RpcException(new(StatusCode.InvalidArgument, "no filter option"));
        if (options.CountOptionCase == ReadReq.Types.Options.CountOptionOneofCase.Subscription)
            await FollowAsync(options, responses, ended.Token);
        else if (options.Count == 0)
            throw new RpcException(new(StatusCode.Unknown, "count 0"));
        else if (options.StreamOptionCase == ReadReq.Types.Options.StreamOptionOneofCase.Stream)
            await ReadStreamAsync(options, responses, ended.Token);
        else
            await ReadAllBackwardsAsync(options, responses, ended.Token);
    }

    private BatchAppendResp Append(BatchAppendReq request)
    {
        var response = new BatchAppendResp { CorrelationId = request.CorrelationId, StreamIdentifier = request.Options.StreamIdentifier };
        var stream = request.Options.StreamIdentifier.StreamName.ToStringUtf8();
        if (stream == node.Denied)
        {
            response.Error = new() { Code = (int)StatusCode.PermissionDenied, Message = "AccessDenied" };
            return response;
        }

        var expected = request.Options.ExpectedStreamPositionCase == BatchAppendReq.Types.Options.ExpectedStreamPositionOneofCase.NoStream
            ? -1
            : (long)request.Options.StreamPosition;
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
        response.Error = new() { Code = (int)StatusCode.AlreadyExists, Message = "WrongExpectedVersion", Details = Any.Pack(wrong) };
        return response;
    }

    private async Task ReadStreamAsync(ReadReq.Types.Options options, IServerStreamWriter<ReadResp> responses, CancellationToken cancellationToken)
    {
        var asked = options.Stream;
        if (Log.Stream(asked.StreamIdentifier.StreamName.ToStringUtf8()) is not { } records)
        {
            await responses.WriteAsync(new() { StreamNotFound = new() { StreamIdentifier = asked.StreamIdentifier } }, cancellationToken);
            return;
        }

        var from = asked.RevisionOptionCase == ReadReq.Types.Options.Types.StreamOptions.RevisionOptionOneofCase.Revision ? asked.Revision : ulong.MaxValue;
        var chosen = options.ReadDirection == ReadReq.Types.Options.Types.ReadDirection.Forwards
            ? records.Where(record => (ulong)record.Revision >= from)
            : records.Where(record => (ulong)record.Revision <= from).Reverse();
        foreach (var record in chosen.Take((int)options.Count))
            await responses.WriteAsync(Event(record), cancellationToken);
    }

    private async Task ReadAllBackwardsAsync(ReadReq.Types.Options options, IServerStreamWriter<ReadResp> responses, CancellationToken cancellationToken)
    {
        foreach (var record in Log.From(0).Where(record => Passes(options, record)).Reverse().Take((int)options.Count))
            await responses.WriteAsync(Event(record), cancellationToken);
    }

    private async Task FollowAsync(ReadReq.Types.Options options, IServerStreamWriter<ReadResp> responses, CancellationToken cancellationToken)
    {
        if (options.Filter.CheckpointIntervalMultiplier == 0)
            throw new RpcException(new(StatusCode.Unknown, "checkpoint interval 0"));
        var next = options.All.AllOptionCase == ReadReq.Types.Options.Types.AllOptions.AllOptionOneofCase.Start
            ? 0
            : Log.After(options.All.Position.CommitPosition) ?? throw new RpcException(new(StatusCode.Unknown, "not the start of a record"));
        var subscriptions = node.Subscribed();
        await responses.WriteAsync(new() { Confirmation = new() { SubscriptionId = Guid.NewGuid().ToString() } }, cancellationToken);
        for (ulong looked = 0; ;)
        {
            var appended = Log.Appended; // Before looking, so that nothing falls in between.
            foreach (var record in Log.From(next))
            {
                next++;
                if (Passes(options, record))
                    await responses.WriteAsync(Event(record), cancellationToken);
                if (++looked % options.Filter.Max == 0)
                    await responses.WriteAsync(new() { Checkpoint = new() { CommitPosition = record.Position, PreparePosition = record.Position } }, cancellationToken);
                if (node.TooSlowAfter is { } patience && subscriptions == 1 && next >= patience)
                    throw new RpcException(new(StatusCode.Aborted, "Consumer too slow to handle event while live. Client resubscription required."));
            }

            await responses.WriteAsync(new() { CaughtUp = new() }, cancellationToken);
            await appended.WaitAsync(cancellationToken);
        }
    }

    private static bool Passes(ReadReq.Types.Options options, Record record) =>
        options.Filter.StreamIdentifier.Prefix.Any(prefix => record.Stream.StartsWith(prefix, StringComparison.Ordinal));

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
