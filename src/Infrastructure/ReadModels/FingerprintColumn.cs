using System.Buffers.Binary;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Infrastructure.ReadModels;

/// <summary>A message's fingerprint as a <c>uuid</c>, PostgreSQL's smallest type for 16 bytes.</summary>
internal static class FingerprintColumn
{
    public static Guid Write(Fingerprint fingerprint)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, fingerprint.Value);
        return new Guid(bytes, bigEndian: true);
    }

    public static Fingerprint Read(Guid value)
    {
        Span<byte> bytes = stackalloc byte[16];
        value.TryWriteBytes(bytes, bigEndian: true, out _);
        return new Fingerprint(BinaryPrimitives.ReadUInt128BigEndian(bytes));
    }
}
