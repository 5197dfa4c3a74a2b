namespace ChatCqrs.Application.Erasure;

/// <summary>Erasures of accounts (section <c>Erasure</c> of the configuration).</summary>
public sealed record ErasureOptions
{
    /// <summary>How often erasures that were interrupted are gone on with; a second to a day.</summary>
    public TimeSpan SweepEvery { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long after it was asked for an erasure is repeated once more, for what was under way at its moment; 61 seconds to a day. By then no node uses a key
    /// that it has not heard of to be shredded.
    /// </summary>
    public TimeSpan SettleAfter { get; init; } = TimeSpan.FromMinutes(2);
}
