using System.Buffers.Binary;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.EventStoreDb.Protocol;
using Google.Protobuf;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>Converts between the port's types and protocol messages.</summary>
internal static class Wire
{
    private const string Type = "type";
    private const string ContentType = "content-type";
    private const string Json = "application/json";

    public static StreamIdentifier Stream(string name) => new() { StreamName = ByteString.CopyFromUtf8(name) };

    /// <summary>The two halves of the UUID's 16 bytes in RFC 9562 order.</summary>
    public static UUID Uuid(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return Uuid(BinaryPrimitives.ReadInt64BigEndian(bytes), BinaryPrimitives.ReadInt64BigEndian(bytes[8..]));
    }

    public static UUID Uuid(long high, long low) =>
        new() { Structured = new UUID.Types.Structured { MostSignificantBits = high, LeastSignificantBits = low } };

    public static Guid Guid(UUID id)
    {
        if (id.ValueCase == UUID.ValueOneofCase.String)
            return System.Guid.Parse(id.String);
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, id.Structured.MostSignificantBits);
        BinaryPrimitives.WriteInt64BigEndian(bytes[8..], id.Structured.LeastSignificantBits);
        return new Guid(bytes, bigEndian: true);
    }

    public static BatchAppendReq.Types.ProposedMessage Proposed(EventData data) => new()
    {
        Id = Uuid(data.EventId),
        Metadata = { { Type, data.Type }, { ContentType, Json } },
        Data = UnsafeByteOperations.UnsafeWrap(data.Payload),
        CustomMetadata = UnsafeByteOperations.UnsafeWrap(data.Metadata),
    };

    public static StoredEvent Stored(ReadResp.Types.ReadEvent read)
    {
        var recorded = read.Event;
        return new StoredEvent(
            recorded.StreamIdentifier.StreamName.ToStringUtf8(), (long)recorded.StreamRevision,
            new LogPosition(recorded.CommitPosition), Guid(recorded.Id), recorded.Metadata[Type],
            recorded.Data.Memory, recorded.CustomMetadata.Memory);
    }
}
