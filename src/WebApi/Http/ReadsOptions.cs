namespace ChatCqrs.WebApi.Http;

/// <summary>How long answers wait for the read models (section <c>Reads</c> of the configuration); each at most <see cref="WaitMax"/>.</summary>
public sealed record ReadsOptions
{
    public static readonly TimeSpan WaitMax = TimeSpan.FromMinutes(1);

    /// <summary>
    /// A GET that names no position, for what this node has committed; it is answered from what is there then. Well beyond what the read models
    /// are behind on a busy machine, so that whoever writes over the socket, which tells no positions, reads it at once by REST.
    /// </summary>
    public TimeSpan FreshnessWait { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A GET that names a position; then it is refused with 503.</summary>
    public TimeSpan PositionWait { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A command that is rare, before it is answered, so that a client that knows nothing of positions reads what it wrote.</summary>
    public TimeSpan CommandWait { get; init; } = TimeSpan.FromSeconds(1);
}
