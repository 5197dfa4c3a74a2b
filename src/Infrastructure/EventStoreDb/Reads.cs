using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.EventStoreDb.Protocol;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>Requests of <c>Streams/Read</c>.</summary>
internal static class Reads
{
    /// <summary>After how many filtered-out events the server sends a checkpoint.</summary>
    private const uint FilterWindow = 500;

    private static readonly Empty Set = new();

    /// <summary>Reads a stream from a revision.</summary>
    public static ReadReq OfStream(string stream, long from, ReadDirection direction, int limit)
    {
        var options = Plain(direction);
        options.Count = (ulong)limit;
        options.NoFilter = Set;
        options.Stream = new ReadReq.Types.Options.Types.StreamOptions { StreamIdentifier = Wire.Stream(stream) };
        if (direction == ReadDirection.Backwards && from == long.MaxValue)
            options.Stream.End = Set;
        else
            options.Stream.Revision = (ulong)from;
        return new ReadReq { Options = options };
    }

    /// <summary>Subscribes to the application's streams after a position.</summary>
    public static ReadReq Following(LogPosition after)
    {
        var options = Plain(ReadDirection.Forwards);
        options.Subscription = new ReadReq.Types.Options.Types.SubscriptionOptions();
        options.Filter = Ours();
        options.All = From(after);
        return new ReadReq { Options = options };
    }

    /// <summary>Reads the application's streams from a position, inclusive.</summary>
    public static ReadReq From(LogPosition position, int limit)
    {
        var options = Plain(ReadDirection.Forwards);
        options.Count = (ulong)limit;
        options.Filter = Ours();
        options.All = From(position);
        return new ReadReq { Options = options };
    }

    /// <summary>Reads the last event of the application's streams.</summary>
    public static ReadReq Head()
    {
        var options = Plain(ReadDirection.Backwards);
        options.Count = 1;
        options.Filter = Ours();
        options.All = new ReadReq.Types.Options.Types.AllOptions { End = Set };
        return new ReadReq { Options = options };
    }

    private static ReadReq.Types.Options.Types.AllOptions From(LogPosition position) =>
        position == LogPosition.Start
            ? new() { Start = Set }
            : new() { Position = new() { CommitPosition = position.Value, PreparePosition = position.Value } };

    private static ReadReq.Types.Options Plain(ReadDirection direction) => new()
    {
        ReadDirection = direction == ReadDirection.Forwards
            ? ReadReq.Types.Options.Types.ReadDirection.Forwards
            : ReadReq.Types.Options.Types.ReadDirection.Backwards,
        UuidOption = new ReadReq.Types.Options.Types.UUIDOption { Structured = Set },
    };

    private static ReadReq.Types.Options.Types.FilterOptions Ours() => new()
    {
        StreamIdentifier = new() { Prefix = { StreamName.Prefixes } },
        Max = FilterWindow,
        CheckpointIntervalMultiplier = 1,
    };
}
