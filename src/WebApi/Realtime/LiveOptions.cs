namespace ChatCqrs.WebApi.Realtime;

/// <summary>Live delivery (section <c>Live</c> of the configuration).</summary>
internal sealed record LiveOptions
{
    /// <summary>
    /// How often a node asks the log what was appended; 00:00:00.1 to 00:01:00. It bounds how long a removed member
    /// keeps access at a node that missed the announcement.
    /// </summary>
    public TimeSpan FollowEvery { get; init; } = TimeSpan.FromSeconds(1);
}
