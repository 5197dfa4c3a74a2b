namespace ChatCqrs.Application.Erasure;

/// <summary>Erasures of accounts (section <c>Erasure</c> of the configuration).</summary>
public sealed record ErasureOptions
{
    /// <summary>How often interrupted erasures are continued; a second to a day.</summary>
    public TimeSpan SweepEvery { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long after its request an erasure is repeated, to cover operations in flight at the time; 61 seconds to a
    /// day. By then every node has learnt of the shredded keys.
    /// </summary>
    public TimeSpan SettleAfter { get; init; } = TimeSpan.FromMinutes(2);
}
