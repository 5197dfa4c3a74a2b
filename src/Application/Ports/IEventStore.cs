using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// The event log. Every adapter passes the same contract suite. Members throw <see cref="StoreUnavailableException"/> when the store cannot
/// be reached or does not answer in time; an append that ended so may or may not have happened, and repeating it is safe.
/// </summary>
public interface IEventStore
{
    /// <summary>
    /// Appends to many streams in one call. Each stream succeeds or fails on its own and its events are appended together or not at all.
    /// Appending the same events (by id) at the same expected revision again succeeds with the first outcome.
    /// </summary>
    /// <param name="appends">At most one entry a stream.</param>
    /// <returns>One outcome for each entry, in their order.</returns>
    /// <exception cref="ArgumentException">The batch breaks a rule of <see cref="StreamAppend.Check"/>; nothing was sent.</exception>
    Task<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<StreamAppend> appends, CancellationToken cancellationToken);

    /// <summary>
    /// Reads a stream from a revision on (that one included). Nothing comes back from a stream that does not exist, nor from before the
    /// point up to which it was truncated.
    /// </summary>
    /// <param name="stream">The stream's name.</param>
    /// <param name="from">The first revision; backwards, <see cref="long.MaxValue"/> means the last.</param>
    /// <param name="direction">Which way to read.</param>
    /// <param name="limit">How many events at most, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="from"/> is negative or <paramref name="limit"/> below 1.</exception>
    Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(
        string stream, long from, ReadDirection direction, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Every event of our streams (<see cref="StreamName.Prefixes"/>) after a position, each once and in log order: first what is there, then what is appended, for ever. Batches
    /// are never empty. What a stream was truncated of may still be among them (EventStoreDB, until it is scavenged). An event is never skipped because a transaction with a smaller position committed later.
    /// The enumeration ends only by cancellation or with an exception; subscribing again from the last position seen loses nothing.
    /// </summary>
    IAsyncEnumerable<IReadOnlyList<StoredEvent>> SubscribeAllAsync(LogPosition after, CancellationToken cancellationToken);

    /// <summary>The position of the last event of our streams; <see cref="LogPosition.Start"/> when there is none.</summary>
    Task<LogPosition> HeadAsync(CancellationToken cancellationToken);

    /// <summary>Removes a stream's events before a revision. What is left keeps its revisions, and appends go on from the last one.</summary>
    Task TruncateAsync(string stream, long before, CancellationToken cancellationToken);
}

public enum ReadDirection
{
    Forwards,
    Backwards,
}

/// <summary>Events for one stream.</summary>
/// <param name="Stream">The stream's name.</param>
/// <param name="ExpectedRevision">The revision of the stream's last event; <see cref="NoStream"/> when it must not exist.</param>
/// <param name="Events">At least one, and together at most <see cref="EventData.SizeMax"/> bytes.</param>
public sealed record StreamAppend(string Stream, long ExpectedRevision, IReadOnlyList<EventData> Events)
{
    public const long NoStream = -1;

    /// <summary>Checks a batch before anything of it is sent; every adapter does.</summary>
    /// <exception cref="ArgumentException">
    /// A stream stands twice or has no name, an expected revision is below <see cref="NoStream"/>, an entry is empty or larger than
    /// <see cref="EventData.SizeMax"/>, or an event has no id or no type.
    /// </exception>
    public static void Check(IReadOnlyList<StreamAppend> appends)
    {
        var streams = appends.Count > 1 ? new HashSet<string>(appends.Count, StringComparer.Ordinal) : null;
        foreach (var append in appends)
        {
            if (append.Stream.Length == 0)
                throw new ArgumentException("A stream has no name.", nameof(appends));
            if (streams?.Add(append.Stream) == false)
                throw new ArgumentException($"The stream {append.Stream} stands twice.", nameof(appends));
            if (append.ExpectedRevision < NoStream)
                throw new ArgumentException($"The expected revision of {append.Stream} is negative.", nameof(appends));
            append.CheckEvents();
        }
    }

    private void CheckEvents()
    {
        if (Events.Count == 0)
            throw new ArgumentException($"There is nothing to append to {Stream}.");
        long size = 0;
        foreach (var data in Events)
        {
            if (data.EventId == Guid.Empty || data.Type.Length == 0)
                throw new ArgumentException($"An event for {Stream} has no id or no type.");
            size += data.Size;
        }

        if (size > EventData.SizeMax)
            throw new ArgumentException($"{size} bytes are more than one append to {Stream} may have.");
    }
}

/// <summary>An event on its way into the log. The bytes come back exactly as they went in.</summary>
/// <param name="EventId">Unique; not the empty UUID.</param>
/// <param name="Type">The wire name, such as <c>message-sent.v1</c>.</param>
/// <param name="Payload">UTF-8 JSON.</param>
/// <param name="Metadata">UTF-8 JSON.</param>
public sealed record EventData(Guid EventId, string Type, ReadOnlyMemory<byte> Payload, ReadOnlyMemory<byte> Metadata)
{
    /// <summary>The most that payload and metadata of one append may have together, in bytes (1 MiB less room for a store's own framing).</summary>
    public const int SizeMax = (1024 * 1024) - (16 * 1024);

    public int Size => Payload.Length + Metadata.Length;
}

/// <summary>An event as the log holds it.</summary>
public sealed record StoredEvent(
    string Stream, long Revision, LogPosition Position, Guid EventId, string Type, ReadOnlyMemory<byte> Payload, ReadOnlyMemory<byte> Metadata)
{
    /// <summary>In bytes.</summary>
    public int Size => Payload.Length + Metadata.Length;
}

/// <summary>What became of one stream's append.</summary>
public abstract record AppendOutcome
{
    private AppendOutcome()
    {
    }

    /// <summary>The events are durable.</summary>
    /// <param name="LastRevision">The revision of the last of them.</param>
    /// <param name="Position">A position at which all of them are in the log, at least that of the last of them.</param>
    public sealed record Appended(long LastRevision, LogPosition Position) : AppendOutcome;

    /// <summary>Somebody else wrote first; nothing was appended to this stream.</summary>
    /// <param name="ActualRevision">The revision of the stream's last event; <see cref="StreamAppend.NoStream"/> when there is none.</param>
    public sealed record Conflict(long ActualRevision) : AppendOutcome;

    /// <summary>The store refuses this stream, or did not write it in time; what was said for the others holds. The events may or may not have been appended.</summary>
    /// <param name="Reason">What the call would have thrown had it been for this stream alone.</param>
    public sealed record Failed(Exception Reason) : AppendOutcome;

    /// <summary>For who appends to one stream alone: its failure is the call's.</summary>
    public AppendOutcome OrThrow() => this is Failed { Reason: var reason } ? throw reason : this;
}

/// <summary>The event log or the read side cannot be reached, or does not answer in time.</summary>
public sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
