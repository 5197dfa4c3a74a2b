namespace ChatCqrs.WebApi.Realtime;

/// <summary>Live delivery (section <c>Live</c> of the configuration).</summary>
internal sealed record LiveOptions
{
    /// <summary>
    /// How often a node among others looks for entries that did not reach its sockets; 00:00:01 to 01:00:00.
    /// </summary>
    public TimeSpan RecheckEvery { get; init; } = TimeSpan.FromSeconds(15);
}
