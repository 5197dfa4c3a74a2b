using System.Collections.Immutable;

namespace ChatCqrs.Domain.Messages;

/// <summary>
/// The ids of a conversation that were accepted although their time was ahead of the clock. That time proves nothing
/// about them, whoever uses them. Kept by id, so that a wrong clock costs nobody a look-up but who uses such an id.
/// </summary>
/// <param name="Ids">At most <see cref="Max"/>.</param>
/// <param name="Horizon">An id made at or before it may be one that is not kept any more.</param>
public sealed record AheadIds(ImmutableHashSet<MessageId> Ids, DateTimeOffset Horizon)
{
    /// <summary>The most ids. Beyond it, those that were made first are not kept, and raise the horizon.</summary>
    public const int Max = 256;

    public static readonly AheadIds None = new(ImmutableHashSet<MessageId>.Empty, DateTimeOffset.MinValue);

    /// <param name="made">The time in the id.</param>
    public bool MayHold(MessageId id, DateTimeOffset made) => made <= Horizon || Ids.Contains(id);

    /// <param name="since">Ids made before it need not be kept: their time proves nothing anyway.</param>
    public AheadIds Add(MessageId id, DateTimeOffset since)
    {
        var kept = Ids.Count < Max ? this : After(since);
        var ids = kept.Ids.Add(id);
        if (ids.Count <= Max)
            return kept with { Ids = ids };
        var first = ids.MinBy(MadeAt);
        var made = MadeAt(first);
        return new AheadIds(ids.Remove(first), made > Horizon ? made : Horizon);
    }

    /// <summary>Without the ids that were made before a time.</summary>
    public AheadIds After(DateTimeOffset since) =>
        this with { Ids = Ids.Except(Ids.Where(id => MadeAt(id) < since)) };

    private static DateTimeOffset MadeAt(MessageId id) => RecentMessages.MadeAt(id) ?? DateTimeOffset.MinValue;
}
