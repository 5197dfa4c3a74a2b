using System.Threading.Channels;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>A bounded queue of publications, delivered to sockets one after another.</summary>
internal sealed class Lane
{
    /// <summary>
    /// The most publications that wait. Further ones are dropped; the next entry shows the gap, and the sockets fetch
    /// it.
    /// </summary>
    internal const int Max = 50_000;

    /// <summary>The most bytes of content that wait. Further publications are dropped.</summary>
    internal const long BytesMax = 64 * 1024 * 1024;

    /// <summary>The most publications taken at once.</summary>
    private const int BatchMax = 256;

    private readonly Channel<Publication> _waiting = Channel.CreateBounded<Publication>(
        new BoundedChannelOptions(Max) { SingleReader = true });

    private long _bytes;

    /// <returns>False when the lane is full.</returns>
    public bool TryPut(Publication publication)
    {
        if (Interlocked.Add(ref _bytes, publication.Size) <= BytesMax && _waiting.Writer.TryWrite(publication))
            return true;
        Interlocked.Add(ref _bytes, -publication.Size);
        return false;
    }

    /// <summary>Takes what waits, until the lane is complete.</summary>
    public async IAsyncEnumerable<IReadOnlyList<Publication>> TakeAllAsync()
    {
        while (await _waiting.Reader.WaitToReadAsync())
        {
            var batch = new List<Publication>();
            while (batch.Count < BatchMax && _waiting.Reader.TryRead(out var publication))
            {
                Interlocked.Add(ref _bytes, -publication.Size);
                batch.Add(publication);
            }

            yield return batch;
        }
    }

    public void Complete() => _waiting.Writer.TryComplete();
}

/// <summary>Something to deliver to sockets: entries of one conversation, or a receipt.</summary>
internal abstract record Publication
{
    /// <summary>The size of its sealed content, in bytes.</summary>
    public virtual long Size => 0;

    internal sealed record Entries(IReadOnlyList<LiveEntry> Items, IReadOnlyCollection<UserId> Members) : Publication
    {
        public override long Size { get; } = SizeOf(Items);

        private static long SizeOf(IReadOnlyList<LiveEntry> items)
        {
            var size = 0L;
            for (var i = 0; i < items.Count; i++)
            {
                size += items[i].Entry.Event switch
                {
                    ConversationEvent.MessageSent sent => sent.Content.Bytes.Length,
                    ConversationEvent.MessageEdited edited => edited.Content.Bytes.Length,
                    _ => 0,
                };
            }

            return size;
        }
    }

    internal sealed record Receipt(LiveReceipt Item) : Publication;
}
