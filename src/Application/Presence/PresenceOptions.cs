namespace ChatCqrs.Application.Presence;

/// <summary>Nodes' heartbeats (section <c>Presence</c> of the configuration).</summary>
public sealed record PresenceOptions
{
    /// <summary>How often a node reports that it is alive, and polls the presence of users watched on it.</summary>
    public TimeSpan BeatEvery { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long after its last report a node counts as dead and its users as offline; at least twice
    /// <see cref="BeatEvery"/>.
    /// </summary>
    public TimeSpan NodeKept { get; init; } = TimeSpan.FromSeconds(15);
}
