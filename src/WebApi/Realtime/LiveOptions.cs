namespace ChatCqrs.WebApi.Realtime;

/// <summary>Live delivery (section <c>Live</c> of the configuration).</summary>
internal sealed record LiveOptions
{
    /// <summary>How often a node among others looks for entries that should have reached its sockets and have not.</summary>
    public TimeSpan RecheckEvery { get; init; } = TimeSpan.FromSeconds(15);
}
