using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// The message ids that this node accepted last, of all senders. They keep an id from being used in a second
/// conversation before the read side knows it; older ids are looked up there. Bounded: a ring of ids, and a few
/// horizons (see <see cref="RecentMessages"/>).
/// </summary>
/// <param name="startedAt">The node's start; an id that is older is not proved new.</param>
/// <param name="startedThrough">The log's head at the node's start.</param>
internal sealed class SentIds(DateTimeOffset startedAt, LogPosition startedThrough)
{
    private const int RingSize = 1 << 17;
    private const int HorizonsMax = 10_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<(UserId Sender, MessageId Message), Claim> _claims = new(RingSize);
    private readonly Slot[] _ring = new Slot[RingSize];
    private readonly Dictionary<UserId, DateTimeOffset> _horizons = [];
    private long _next;
    private DateTimeOffset _since = startedAt;
    private DateTimeOffset _horizon = DateTimeOffset.MinValue;

    /// <summary>Every message that this node does not remember stands in the log at or before this position.</summary>
    public LogPosition ForgottenThrough { get; private set; } = startedThrough;

    /// <summary>Claims an id for a conversation. The same id may be claimed for the same conversation again.</summary>
    /// <param name="committed">The newest position that the node has committed.</param>
    /// <returns>The claim; null when another conversation has claimed the id.</returns>
    public long? TryClaim(
        UserId sender, MessageId message, ConversationId conversation, DateTimeOffset now, LogPosition committed)
    {
        lock (_lock)
        {
            if (_claims.TryGetValue((sender, message), out var claimed))
                return claimed.Conversation == conversation ? claimed.Number : null;
            ref var slot = ref _ring[_next & (RingSize - 1)];
            if (slot.At != default)
                Forget(slot);
            _claims.Add((sender, message), new Claim(conversation, _next));
            slot = new Slot(sender, message, now, committed, _next);
            if (RecentMessages.MadeAt(message) is { } made && made > now + RecentMessages.ClockSkewMax)
                RaiseHorizon(sender, made);
            return _next++;
        }
    }

    /// <summary>Takes a claim back: no message was stored under the id.</summary>
    public void Release(UserId sender, MessageId message, long claim)
    {
        lock (_lock)
            Remove(sender, message, claim);
    }

    private void Forget(Slot slot)
    {
        // Half a ring is more claims than can be under way at once, so this one was committed by then.
        var committedBy = _ring[(_next + (RingSize / 2)) & (RingSize - 1)].Committed;
        ForgottenThrough = committedBy > ForgottenThrough ? committedBy : ForgottenThrough;
        Remove(slot.Sender, slot.Message, slot.Claim);
        _since = slot.At > _since ? slot.At : _since;
    }

    private void Remove(UserId sender, MessageId message, long claim)
    {
        if (_claims.TryGetValue((sender, message), out var claimed) && claimed.Number == claim)
            _claims.Remove((sender, message));
    }

    /// <summary>
    /// Whether the sender cannot have used an unclaimed id on this node before. An id that is ahead of the clock proves
    /// nothing: the node may have accepted it before its last start.
    /// </summary>
    public bool ProvesNew(UserId sender, MessageId message, DateTimeOffset now)
    {
        if (RecentMessages.MadeAt(message) is not { } made || made > now + RecentMessages.ClockSkewMax)
            return false;
        lock (_lock)
        {
            return made - RecentMessages.ClockSkewMax > _since
                && made > _horizon
                && made > _horizons.GetValueOrDefault(sender, DateTimeOffset.MinValue);
        }
    }

    private void RaiseHorizon(UserId sender, DateTimeOffset made)
    {
        if (_horizons.Count >= HorizonsMax && !_horizons.ContainsKey(sender))
        {
            _horizon = _horizons.Values.Max();
            _horizons.Clear();
        }

        if (made > _horizons.GetValueOrDefault(sender, DateTimeOffset.MinValue))
            _horizons[sender] = made;
    }

    private readonly record struct Claim(ConversationId Conversation, long Number);

    private readonly record struct Slot(
        UserId Sender, MessageId Message, DateTimeOffset At, LogPosition Committed, long Claim);
}
