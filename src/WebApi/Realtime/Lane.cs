using System.Threading.Channels;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>What is handed to sockets, one after another.</summary>
internal sealed class Lane
{
    /// <summary>How many publications may wait. Beyond it they are dropped; the next entry shows the gap, and it is fetched.</summary>
    internal const int Max = 50_000;

    /// <summary>How many bytes of content may wait; beyond it, too, publications are dropped.</summary>
    internal const long BytesMax = 64 * 1024 * 1024;

    private readonly Channel<Publication> _waiting = Channel.CreateBounded<Publication>(new BoundedChannelOptions(Max) { SingleReader = true });
    private long _bytes;

    public bool TryPut(Publication publication)
    {
        if (Interlocked.Add(ref _bytes, publication.Size) <= BytesMax && _waiting.Writer.TryWrite(publication))
            return true;
        Interlocked.Add(ref _bytes, -publication.Size);
        return false;
    }

    public async IAsyncEnumerable<Publication> TakeAllAsync()
    {
        await foreach (var publication in _waiting.Reader.ReadAllAsync())
        {
            Interlocked.Add(ref _bytes, -publication.Size);
            yield return publication;
        }
    }

    public void Complete() => _waiting.Writer.TryComplete();
}

internal abstract record Publication
{
    /// <summary>The size of what was written, in bytes.</summary>
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
