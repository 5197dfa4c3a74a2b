using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;

namespace ChatCqrs.Application.Auditing;

/// <summary>
/// Notes each truncation of a stream before it happens, in a stream of its own that is under heads like all others.
/// Repeating a truncation after a crash notes it once.
/// </summary>
public sealed class CutLog(AuditWriter writer, IEventStore store, IEventCodec codec)
{
    public const string Expired = "expired";
    public const string Erased = "erased";

    /// <summary>The streams that share one stream of cuts: a conversation and its receipts.</summary>
    private const int StreamsMax = 2;

    /// <param name="stream">The stream to truncate.</param>
    /// <param name="before">The first revision that is left.</param>
    /// <param name="hash">The hash of the event before it.</param>
    /// <param name="reason"><see cref="Expired"/> or <see cref="Erased"/>.</param>
    /// <exception cref="StoreUnavailableException">The log cannot be reached: do not truncate.</exception>
    public async Task NoteAsync(
        string stream, long before, ReadOnlyMemory<byte> hash, string reason, CancellationToken cancellationToken)
    {
        var cuts = StreamName.OfCuts(stream);
        var last = await store.ReadStreamAsync(
            cuts, long.MaxValue, ReadDirection.Backwards, StreamsMax, cancellationToken);
        var isNoted = last.Select(codec.Decode).Any(fact =>
            fact.Event is AuditEvent.StreamTruncated noted && noted.Stream == stream && noted.Before == before);
        if (isNoted)
            return;
        await writer.AppendAsync(
            cuts, now => new AuditEvent.StreamTruncated(stream, before, hash, reason) { At = now }, Actor.System,
            cancellationToken);
    }
}
