namespace ChatCqrs.Application.Presence;

/// <summary>How nodes show each other that they live (section <c>Presence</c> of the configuration).</summary>
public sealed record PresenceOptions
{
    /// <summary>How often a node shows that it lives, and looks where those are whom somebody here watches.</summary>
    public TimeSpan BeatEvery { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>After how long without a sign of life a node counts as dead, and its users as gone; at least twice <see cref="BeatEvery"/>.</summary>
    public TimeSpan NodeKept { get; init; } = TimeSpan.FromSeconds(15);
}
