using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// The event log. Every adapter passes one contract suite. Members throw <see cref="StoreUnavailableException"/> if the
/// store cannot be reached or does not answer in time. An append that ends so may or may not have happened; repeating
/// it is safe.
/// </summary>
public interface IEventStore
{
    /// <summary>
    /// Appends to many streams in one call. Each stream succeeds or fails on its own; its events are appended
    /// atomically. Repeating an append (same event ids, same expected revision) returns the first outcome.
    /// </summary>
    /// <param name="appends">At most one append per stream.</param>
    /// <returns>One outcome per append, in the same order.</returns>
    /// <exception cref="ArgumentException">
    /// The batch violates <see cref="StreamAppend.Check"/>; nothing was sent.
    /// </exception>
    Task<IReadOnlyList<AppendOutcome>> AppendAsync(
        IReadOnlyList<StreamAppend> appends, CancellationToken cancellationToken);

    /// <summary>
    /// Reads a stream from a revision, inclusive. A missing stream, and the truncated part of a stream, read as empty.
    /// </summary>
    /// <param name="stream">The stream's name.</param>
    /// <param name="from">The first revision; <see cref="long.MaxValue"/> backwards means the last.</param>
    /// <param name="direction">The direction.</param>
    /// <param name="limit">The most events to return, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="from"/> is negative or <paramref name="limit"/> below 1.
    /// </exception>
    Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(
        string stream, long from, ReadDirection direction, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Reads a stream's next events for somebody who reads long parts of it, such as an auditor: the page is bounded in
    /// bytes, and no writer waits for it. A page ends with the event that reaches <see cref="PageBytes"/>, and has at
    /// least one event if there is any: a reader goes on after its last event until a page is empty. What
    /// <see cref="ReadStreamAsync"/> says of streams holds here too.
    /// </summary>
    /// <param name="stream">The stream's name.</param>
    /// <param name="from">The first revision.</param>
    /// <param name="limit">The most events to return, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="from"/> is negative or <paramref name="limit"/> below 1.
    /// </exception>
    Task<IReadOnlyList<StoredEvent>> ReadPageAsync(
        string stream, long from, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// The bound of a page in bytes of payloads and metadata; the event that reaches it is part of the page.
    /// </summary>
    public const int PageBytes = 1024 * 1024;

    /// <summary>
    /// Every event of the product's streams (<see cref="StreamName.Prefixes"/>) after a position, once each and in log
    /// order: first the existing ones, then new ones, for ever. Batches are never empty. Truncated events may still
    /// appear (EventStoreDB, until it is scavenged). No event is skipped because a transaction with a smaller position
    /// committed later. The enumeration ends only by cancellation or an exception; resubscribing from the last position
    /// seen loses nothing.
    /// </summary>
    IAsyncEnumerable<IReadOnlyList<StoredEvent>> SubscribeAllAsync(
        LogPosition after, CancellationToken cancellationToken);

    /// <summary>
    /// The position of the last event of the product's streams; <see cref="LogPosition.Start"/> if there is none.
    /// </summary>
    Task<LogPosition> HeadAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Which of the product's streams have events after a position. No payload is returned, and the cost depends on the
    /// number of new events only. As with <see cref="SubscribeAllAsync"/>, no event is skipped.
    /// </summary>
    /// <param name="after">The position up to which the caller knows the log.</param>
    /// <param name="limit">The most events to look at, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="limit"/> is below 1.</exception>
    Task<LogChanges> ChangesAsync(LogPosition after, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// The ends of the metadata of the events of the product's streams between two positions: each event's hash and
    /// that of the event before it stand there (docs/events.md). Nothing else of the events is read, where the store
    /// can do so. Truncated events may appear. As with <see cref="SubscribeAllAsync"/>, no event is skipped.
    /// </summary>
    /// <param name="after">The position before the first event.</param>
    /// <param name="through">The position of the last event, at most.</param>
    /// <param name="limit">The most events to look at, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="limit"/> is below 1.</exception>
    Task<LogEnds> EndsAsync(
        LogPosition after, LogPosition through, int limit, CancellationToken cancellationToken);

    /// <summary>The ends of the metadata of single events.</summary>
    /// <returns>One for each, in the same order; null for an event that does not exist, or was truncated.</returns>
    Task<IReadOnlyList<EventEnd?>> EndsOfAsync(
        IReadOnlyList<EventPlace> events, CancellationToken cancellationToken);

    /// <summary>
    /// Removes a stream's events before a revision. The others keep their revisions, and appends continue after the
    /// last one.
    /// </summary>
    Task TruncateAsync(string stream, long before, CancellationToken cancellationToken);
}

/// <summary>The order in which a stream is read.</summary>
public enum ReadDirection
{
    Forwards,
    Backwards,
}

/// <summary>Events to append to one stream.</summary>
/// <param name="Stream">The stream's name.</param>
/// <param name="ExpectedRevision">
/// The revision of the stream's last event; <see cref="NoStream"/> if the stream must not exist.
/// </param>
/// <param name="Events">At least one; together at most <see cref="EventData.SizeMax"/> bytes.</param>
public sealed record StreamAppend(string Stream, long ExpectedRevision, IReadOnlyList<EventData> Events)
{
    public const long NoStream = -1;

    /// <summary>Checks a batch. Every adapter calls it before sending anything.</summary>
    /// <exception cref="ArgumentException">
    /// A stream occurs twice or has no name, an expected revision is below <see cref="NoStream"/>, an append is empty
    /// or larger than <see cref="EventData.SizeMax"/>, or an event has no id or no type.
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

/// <summary>An encoded event to append. The store returns exactly the same bytes.</summary>
/// <param name="EventId">Unique; not the empty UUID.</param>
/// <param name="Type">The wire name, such as <c>message-sent.v1</c>.</param>
/// <param name="Payload">UTF-8 JSON.</param>
/// <param name="Metadata">UTF-8 JSON.</param>
public sealed record EventData(Guid EventId, string Type, ReadOnlyMemory<byte> Payload, ReadOnlyMemory<byte> Metadata)
{
    /// <summary>
    /// The most bytes of payload and metadata in one append: 1 MiB minus 16 KiB for a store's own framing.
    /// </summary>
    public const int SizeMax = (1024 * 1024) - (16 * 1024);

    /// <summary>Size in bytes.</summary>
    public int Size => Payload.Length + Metadata.Length;
}

/// <summary>An encoded event read from the log.</summary>
public sealed record StoredEvent(
    string Stream, long Revision, LogPosition Position, Guid EventId, string Type, ReadOnlyMemory<byte> Payload,
    ReadOnlyMemory<byte> Metadata)
{
    /// <summary>Size in bytes.</summary>
    public int Size => Payload.Length + Metadata.Length;
}

/// <summary>The streams that have new events.</summary>
/// <param name="Streams">Each changed stream once, in any order.</param>
/// <param name="Through">The position of the newest of these events; the asked position if there are none.</param>
/// <param name="IsFull">Whether the limit was reached, so there may be more.</param>
public sealed record LogChanges(IReadOnlyList<ChangedStream> Streams, LogPosition Through, bool IsFull);

/// <summary>A stream's new events.</summary>
/// <param name="First">The revision of the first of them.</param>
/// <param name="Last">The revision of the last of them.</param>
/// <param name="Types">Their wire names, each once.</param>
public sealed record ChangedStream(string Stream, long First, long Last, IReadOnlyCollection<string> Types);

/// <summary>Ends of metadata, by stream.</summary>
/// <param name="Streams">Each stream once, in any order.</param>
/// <param name="Through">The position of the newest of these events; the asked position if there are none.</param>
/// <param name="IsFull">Whether the limit was reached, so there may be more.</param>
public sealed record LogEnds(IReadOnlyList<StreamEnds> Streams, LogPosition Through, bool IsFull);

/// <summary>The ends of the metadata of consecutive events of a stream.</summary>
/// <param name="First">The revision of the first of them.</param>
/// <param name="Ends">One for each, at most <see cref="EventEnd.SizeMax"/> bytes.</param>
public sealed record StreamEnds(string Stream, long First, IReadOnlyList<ReadOnlyMemory<byte>> Ends);

/// <summary>Where an event is.</summary>
public readonly record struct EventPlace(string Stream, long Revision);

/// <summary>The end of an event's metadata.</summary>
/// <param name="Position">The event's position.</param>
/// <param name="End">At most <see cref="SizeMax"/> bytes.</param>
public sealed record EventEnd(LogPosition Position, byte[] End)
{
    /// <summary>The bytes at the end of metadata; the two hashes and their names have 114.</summary>
    public const int SizeMax = 120;

    /// <summary>The end of some metadata.</summary>
    public static byte[] Of(ReadOnlyMemory<byte> metadata) =>
        metadata[Math.Max(0, metadata.Length - SizeMax)..].ToArray();
}

/// <summary>The outcome of one stream's append.</summary>
public abstract record AppendOutcome
{
    private AppendOutcome()
    {
    }

    /// <summary>The events are durable.</summary>
    /// <param name="LastRevision">The last event's revision.</param>
    /// <param name="Position">A position at or after that of the last event.</param>
    public sealed record Appended(long LastRevision, LogPosition Position) : AppendOutcome;

    /// <summary>Another writer was first; nothing was appended to this stream.</summary>
    /// <param name="ActualRevision">
    /// The revision of the stream's last event; <see cref="StreamAppend.NoStream"/> if there is none.
    /// </param>
    public sealed record Conflict(long ActualRevision) : AppendOutcome;

    /// <summary>
    /// The store refused this stream or did not write it in time; the other streams' outcomes are valid. The events may
    /// or may not have been appended.
    /// </summary>
    /// <param name="Reason">The exception that a call for this stream alone would have thrown.</param>
    public sealed record Failed(Exception Reason) : AppendOutcome;

    /// <summary>Throws on <see cref="Failed"/>. For callers that append to one stream only.</summary>
    public AppendOutcome OrThrow() => this is Failed { Reason: var reason } ? throw reason : this;
}

/// <summary>The event log or the read side cannot be reached or does not answer in time.</summary>
public sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
