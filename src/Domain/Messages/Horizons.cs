using System.Collections.Immutable;

namespace ChatCqrs.Domain.Messages;

/// <summary>
/// Up to when ids prove nothing by their time, because some were accepted that were further ahead of the clock than that: each sender's by themselves,
/// since an id belongs to its sender, so that one wrong clock costs nobody else a look-up. Bounded: beyond <see cref="SendersMax"/> the highest counts for all.
/// </summary>
/// <param name="OfAll">Counts for everybody.</param>
public sealed record Horizons(DateTimeOffset OfAll, ImmutableDictionary<UserId, DateTimeOffset> BySender)
{
    /// <summary>How many senders have one of their own.</summary>
    public const int SendersMax = 64;

    public static readonly Horizons None = new(DateTimeOffset.MinValue, ImmutableDictionary<UserId, DateTimeOffset>.Empty);

    /// <summary>No id of the sender made at or before this time is proved new by its time alone.</summary>
    public DateTimeOffset Of(UserId sender) => BySender.TryGetValue(sender, out var own) && own > OfAll ? own : OfAll;

    public Horizons Raise(UserId sender, DateTimeOffset made)
    {
        if (made <= Of(sender))
            return this;
        return BySender.Count < SendersMax || BySender.ContainsKey(sender)
            ? this with { BySender = BySender.SetItem(sender, made) }
            : new Horizons(BySender.Values.Append(OfAll).Max(), ImmutableDictionary.CreateRange([KeyValuePair.Create(sender, made)]));
    }
}
