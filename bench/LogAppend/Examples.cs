using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Infrastructure.Serialization;

namespace ChatCqrs.LogAppend;

/// <summary>Messages of 200 bytes, sealed and chained, for several conversations in turn.</summary>
internal sealed class Examples(int streams)
{
    private const int SealedSize = 228;

    private readonly EventCodec _codec = new();
    private readonly (string Name, long Revision, ReadOnlyMemory<byte> Hash)[] _streams =
    [
        .. Enumerable.Range(0, streams)
            .Select(_ => (StreamName.Of(new ConversationId(Guid.NewGuid())), -1L, IEventCodec.FirstLink)),
    ];

    private int _next;

    public IReadOnlyList<StreamAppend> Batch(int size)
    {
        var each = Math.Max(1, size / streams);
        var batch = new List<StreamAppend>(size / each);
        for (var made = 0; made < size; made += each)
        {
            ref var stream = ref _streams[_next++ % streams];
            var events = new EventData[each];
            for (var n = 0; n < each; n++)
                (events[n], stream.Hash) = Encode(stream.Hash);
            batch.Add(new StreamAppend(stream.Name, stream.Revision, events));
            stream.Revision += each;
        }

        return batch;
    }

    public (EventData Data, ReadOnlyMemory<byte> Hash) Encode(ReadOnlyMemory<byte> previous)
    {
        var (message, context) = Message();
        return _codec.Encode(message, context, previous);
    }

    public static (ConversationEvent Event, EventContext Context) Message()
    {
        var (user, device, now) = (new UserId(Guid.NewGuid()), new DeviceId(Guid.NewGuid()), DateTimeOffset.UtcNow);
        var content = new SealedContent("day-2026-12-24", RandomNumberGenerator.GetBytes(SealedSize));
        var message = new ConversationEvent.MessageSent(
            new MessageId(Guid.CreateVersion7()), user, device, MessageType.Text, content,
            new Fingerprint(UInt128.MaxValue / 3), null, now.AddDays(30))
        { At = now };
        var context = new EventContext(
            Guid.CreateVersion7(), now, new Actor(user, device), "4bf92f3577b34da6a3ce929d0e0e4736", null);
        return (message, context);
    }
}
