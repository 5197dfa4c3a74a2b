using ChatCqrs.Application.DeviceKeys;
using ChatCqrs.Domain;
using NSec.Cryptography;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>A device with a key of its own.</summary>
internal sealed class TestDevice
{
    private readonly Key _key = Key.Create(SignatureAlgorithm.Ed25519);

    public TestDevice(DeviceId? id = null) => Listed = new ListedDevice(
        id ?? new DeviceId(Guid.CreateVersion7()), _key.PublicKey.Export(KeyBlobFormat.RawPublicKey),
        new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero));

    public ListedDevice Listed { get; }

    /// <summary>The statement's bytes with this device's approval.</summary>
    public byte[] Approve(DeviceStatement statement) => statement.Approved(Listed.Device, Sign).Encode();

    private byte[] Sign(byte[] data) => SignatureAlgorithm.Ed25519.Sign(_key, data);
}
