using System.Buffers.Binary;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// Ends of metadata as <see cref="LogReader.EndsQuery"/> packs them into one value, by stream. A row for each event
/// would cost several times as much to read. An event's part is the stream's key and the revision (8 bytes each), the
/// length of its metadata (4 bytes; all big-endian), and the end.
/// </summary>
internal sealed class EndsPage
{
    private const int KeySize = sizeof(long);
    private const int RevisionSize = sizeof(long);
    private const int LengthSize = sizeof(int);

    private readonly Dictionary<long, (long First, List<ReadOnlyMemory<byte>> Ends)> _streams = [];

    /// <exception cref="InvalidDataException">A stream's events are not in order, or one is missing.</exception>
    public EndsPage(ReadOnlyMemory<byte> parts)
    {
        while (parts.Length > 0)
        {
            var key = BinaryPrimitives.ReadInt64BigEndian(parts.Span);
            var revision = BinaryPrimitives.ReadInt64BigEndian(parts.Span[KeySize..]);
            var length = BinaryPrimitives.ReadInt32BigEndian(parts.Span[(KeySize + RevisionSize)..]);
            var end = parts.Slice(KeySize + RevisionSize + LengthSize, Math.Min(length, EventEnd.SizeMax));
            if (!_streams.TryGetValue(key, out var known))
                _streams.Add(key, known = (revision, []));
            if (revision != known.First + known.Ends.Count)
                throw new InvalidDataException($"The event {revision} of the stream {key} is out of its order.");
            known.Ends.Add(end);
            parts = parts[(KeySize + RevisionSize + LengthSize + end.Length)..];
        }
    }

    public IReadOnlyCollection<long> Keys => _streams.Keys;

    /// <summary>A stream's ends.</summary>
    public StreamEnds Of(long key, string name) => new(name, _streams[key].First, _streams[key].Ends);
}
