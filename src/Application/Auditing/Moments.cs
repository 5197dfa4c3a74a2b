using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using FluentValidation.Results;

namespace ChatCqrs.Application.Auditing;

/// <summary>Finds the moment that somebody asks for.</summary>
public sealed class Moments(IAuditTimeline timeline, TimeProvider clock)
{
    /// <summary>Right after an entry, at a time, or now.</summary>
    /// <param name="seq">At least 0; null for none.</param>
    /// <param name="time">A time in the form of RFC 3339; null for none. Not both.</param>
    /// <exception cref="RefusedException">
    /// There is no such entry yet, or there was none at that time.
    /// </exception>
    /// <exception cref="ValidationException">The time is to come.</exception>
    public async Task<Moment> OfAsync(
        AuditedConversation conversation, long? seq, string? time, CancellationToken cancellationToken)
    {
        if (seq is { } asked)
            return await AfterAsync(conversation, asked, cancellationToken);
        var now = AskedTime.FloorOf(clock.GetUtcNow());
        if (AskedTime.Parse(time) is not { } at) // Another node's clock may be ahead of this one's.
            return Moment.Of(conversation.LastSeq, now > conversation.LastAt ? now : conversation.LastAt);
        if (at > now)
            throw new ValidationException([new ValidationFailure("as_of", "must not be to come.")]);
        var last = await timeline.LastSeqAtAsync(conversation.Id, at, conversation.LastSeq, cancellationToken);
        return last >= 0 ? Moment.Of(last, at) : throw new RefusedException(Refusal.BeforeFirstEntry);
    }

    /// <summary>Right after an entry.</summary>
    /// <exception cref="RefusedException">There is no such entry yet.</exception>
    public async Task<Moment> AfterAsync(
        AuditedConversation conversation, long seq, CancellationToken cancellationToken)
    {
        if (seq > conversation.LastSeq)
            throw new RefusedException(Refusal.SeqBeyondEnd);
        var entry = await timeline.EntryAsync(conversation.Id, seq, cancellationToken)
            ?? throw new RefusedException(Refusal.SeqBeyondEnd);
        return Moment.After(seq, entry.At);
    }
}
