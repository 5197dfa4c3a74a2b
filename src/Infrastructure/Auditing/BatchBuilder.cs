using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>Gathers the heads of the streams that changed. A stream costs some 500 bytes, whatever it has.</summary>
internal sealed class BatchBuilder
{
    private readonly Dictionary<string, Growing> _streams = new(StringComparer.Ordinal);

    /// <summary>The streams so far.</summary>
    public int Count => _streams.Count;

    /// <summary>The events so far.</summary>
    public long Events { get; private set; }

    public bool Has(string stream) => _streams.ContainsKey(stream);

    /// <summary>Adds a page of the log.</summary>
    /// <exception cref="FormatException">An event's metadata does not end with the two hashes.</exception>
    public void Add(LogEnds page)
    {
        Span<byte> hash = stackalloc byte[Digest.Size];
        foreach (var (stream, first, ends) in page.Streams)
        {
            if (!_streams.TryGetValue(stream, out var growing))
            {
                if (!Opening.IsOf(stream))
                    continue;
                _streams.Add(stream, growing = new Growing(first, Digest.Of(EventChain.PreviousOf(ends[0].Span))));
            }

            foreach (var end in ends)
            {
                EventChain.HashOf(end.Span, hash);
                growing.Append(hash);
            }

            Events += ends.Count;
        }
    }

    /// <summary>The heads, in any order.</summary>
    public IEnumerable<Opening> Build() =>
        _streams.Select(stream => new Opening(
            stream.Key, stream.Value.First, stream.Value.Last, stream.Value.Before, stream.Value.Hash,
            stream.Value.Root));

    /// <param name="first">The first revision.</param>
    /// <param name="before">The hash of the event before it.</param>
    private sealed class Growing(long first, Digest before)
    {
        private readonly MerkleFrontier _events = new();

        public long First { get; } = first;
        public Digest Before { get; } = before;
        public long Last => First + _events.Count - 1;
        public Digest Hash { get; private set; }
        public Digest Root => _events.Root();

        public void Append(ReadOnlySpan<byte> hash)
        {
            Hash = Digest.Of(hash);
            _events.Append(MerkleTree.Leaf(Hash));
        }
    }
}
