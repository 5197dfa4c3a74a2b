namespace ChatCqrs.WebApi.Http;

/// <summary>
/// How long requests wait for the read models (section <c>Reads</c> of the configuration); each zero to
/// <see cref="WaitMax"/>.
/// </summary>
public sealed record ReadsOptions
{
    public static readonly TimeSpan WaitMax = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long a GET without a position waits for all that this node has committed; then it answers from the read
    /// models as they are. Longer than the read models lag on a busy machine, so that a client reads by REST what it
    /// just wrote over the socket, which gives no positions.
    /// </summary>
    public TimeSpan FreshnessWait { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a GET with a position waits; then it is refused with 503.</summary>
    public TimeSpan PositionWait { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a rare command waits before it answers, so that a client without positions reads its own writes.
    /// </summary>
    public TimeSpan CommandWait { get; init; } = TimeSpan.FromSeconds(1);
}
