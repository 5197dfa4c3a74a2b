using System.Collections.Immutable;

namespace ChatCqrs.Domain.Messages;

/// <summary>
/// Times up to which message ids prove nothing: ids with clocks too far ahead were accepted before. Kept per sender,
/// because ids belong to their sender, so that one wrong clock costs nobody else a look-up. Beyond
/// <see cref="SendersMax"/> senders the highest time applies to all.
/// </summary>
/// <param name="OfAll">Applies to every sender.</param>
/// <param name="BySender">Each sender's own, at most <see cref="SendersMax"/>.</param>
public sealed record Horizons(DateTimeOffset OfAll, ImmutableDictionary<UserId, DateTimeOffset> BySender)
{
    /// <summary>The most senders with a horizon of their own.</summary>
    public const int SendersMax = 64;

    public static readonly Horizons None =
        new(DateTimeOffset.MinValue, ImmutableDictionary<UserId, DateTimeOffset>.Empty);

    /// <summary>The sender's horizon: no id made at or before it is proved new by its time.</summary>
    public DateTimeOffset Of(UserId sender) => BySender.TryGetValue(sender, out var own) && own > OfAll ? own : OfAll;

    /// <summary>The highest horizon of any sender.</summary>
    public DateTimeOffset Highest => BySender.Values.Append(OfAll).Max();

    public Horizons Raise(UserId sender, DateTimeOffset made)
    {
        if (made <= Of(sender))
            return this;
        return BySender.Count < SendersMax || BySender.ContainsKey(sender)
            ? this with { BySender = BySender.SetItem(sender, made) }
            : new Horizons(
                Highest, ImmutableDictionary.CreateRange([KeyValuePair.Create(sender, made)]));
    }
}
