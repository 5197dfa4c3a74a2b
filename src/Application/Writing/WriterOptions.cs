namespace ChatCqrs.Application.Writing;

/// <summary>The bounds of the conversation writer (section <c>Writer</c> of the configuration).</summary>
public sealed record WriterOptions
{
    /// <summary>How many partitions decide in parallel; a conversation always falls in the same one.</summary>
    public int Partitions { get; init; } = Math.Max(1, Environment.ProcessorCount / 2);

    /// <summary>How many appends of a partition run at once. Meanwhile the next batch gathers.</summary>
    public int AppendsInFlight { get; init; } = 1;

    /// <summary>How many requests may wait in a partition; more are refused with 503.</summary>
    public int QueueMax { get; init; } = 20_000;

    /// <summary>
    /// How many bytes of sealed content may wait in a partition; more are refused with 503. A waiting message takes
    /// some four times as much memory: as it arrived, sealed, and as an event.
    /// </summary>
    public long QueueBytesMax { get; init; } = 64 * 1024 * 1024;

    /// <summary>How many events one append takes at most.</summary>
    public int BatchMax { get; init; } = 2_000;

    /// <summary>From so many bytes of events on, an append takes no further conversation.</summary>
    public int BatchBytesMax { get; init; } = 8 * 1024 * 1024;

    /// <summary>How many conversations a partition keeps in memory; the least recently used are forgotten.</summary>
    public int ConversationsMax { get; init; } = 20_000;

    /// <summary>
    /// How often a request is decided again because another node wrote first; then it is refused with 503.
    /// </summary>
    public int ConflictRetriesMax { get; init; } = 20;
}
