namespace ChatCqrs.WebApi.Realtime;

/// <summary>Live delivery (section <c>Live</c> of the configuration).</summary>
internal sealed record LiveOptions
{
    /// <summary>
    /// How often a node asks the log what was appended; 00:00:00.1 to 00:01:00. It bounds how long a removed member
    /// keeps access at a node that missed the announcement.
    /// </summary>
    public TimeSpan FollowEvery { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The time between the server's WebSocket pings, because proxies cut silent connections; 1 s to 10 min. A peer
    /// that sends nothing, not even a pong, for three times as long is closed.
    /// </summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How many catch-ups of sockets read the stores at once; 1 to 1,000. Others wait, for 20 s at most.
    /// </summary>
    public int CatchUpsMax { get; init; } = 16;
}
