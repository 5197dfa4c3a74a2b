namespace ChatCqrs.Application.Conversations;

/// <summary>The bounds of groups (section <c>Groups</c> of the configuration).</summary>
public sealed record GroupOptions
{
    /// <summary>The longest title, in characters.</summary>
    public const int TitleMax = 100;

    /// <summary>The most members of a group; 2 to 8,192, because every entry is delivered to each of them.</summary>
    public int MembersMax { get; init; } = 1_024;
}
