namespace ChatCqrs.Domain.Messages;

/// <summary>A choice among the options of a poll, each of them once.</summary>
public readonly record struct Vote
{
    /// <summary>The most options that a poll may have here; what messages may say is less.</summary>
    public const int OptionsMax = 32;

    /// <summary>No choice, or one that is not told.</summary>
    public static readonly Vote None;

    private readonly uint _chosen;

    private Vote(uint chosen) => _chosen = chosen;

    public bool IsEmpty => _chosen == 0;

    /// <summary>The indexes of the chosen options, ascending, from 0.</summary>
    public IReadOnlyList<int> Options
    {
        get
        {
            var chosen = _chosen;
            return [.. Enumerable.Range(0, OptionsMax).Where(option => (chosen >> option & 1) == 1)];
        }
    }

    /// <param name="options">Indexes from 0 to <see cref="OptionsMax"/> - 1, in any order; doubles are folded.</param>
    /// <exception cref="ArgumentOutOfRangeException">An index is none.</exception>
    public static Vote Of(IEnumerable<int> options)
    {
        var chosen = 0u;
        foreach (var option in options)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(option);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(option, OptionsMax);
            chosen |= 1u << option;
        }

        return new Vote(chosen);
    }
}
