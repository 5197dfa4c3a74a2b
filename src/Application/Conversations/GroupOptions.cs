namespace ChatCqrs.Application.Conversations;

/// <summary>The bounds of groups (section <c>Groups</c> of the configuration).</summary>
public sealed record GroupOptions
{
    /// <summary>The longest title, in characters.</summary>
    public const int TitleMax = 100;

    /// <summary>How many members a group has at most; 2 to 8,192, since each of them is told of each entry.</summary>
    public int MembersMax { get; init; } = 1_024;
}
