using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Infrastructure.Tests.Serialization;

/// <summary>Two fixed events.</summary>
internal static class Examples
{
    public static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);

    private static readonly UserId Alice = new(Guid.Parse("0193b3a0-0000-7000-8000-00000000a11c"));
    private static readonly UserId Bob = new(Guid.Parse("0193b3a0-0000-7000-8000-000000000b0b"));
    private static readonly DeviceId Phone = new(Guid.Parse("0193b3a0-0000-7000-8000-0000000f0e01"));
    private static readonly SealedContent Content =
        new("day-2026-02-01", new byte[] { 0, 1, 2, 250, 251, 252, 253, 254, 255 });

    public static readonly ReceiptEvent.MessageRead Read = new(Bob, Phone, 42) { At = At };

    public static readonly ConversationEvent.MessageSent Sent = new(
        new MessageId(Guid.Parse("0193b3a0-0000-7000-8000-00000000e55a")), Alice, Phone, MessageType.Text, Content,
        new Fingerprint(UInt128.MaxValue / 3), new MessageId(Guid.Parse("0193b3a0-0000-7000-8000-00000000e559")),
        At.AddDays(30))
    { At = At };

    /// <summary>The context of a request of Alice.</summary>
    public static EventContext Context(int number = 1) => new(
        new Guid(0x0193b3a0, 0, 0x7000, 0x80, 0, 0, 0, 0, 0, (byte)(number >> 8), (byte)number), At,
        new Actor(Alice, Phone),
        "4bf92f3577b34da6a3ce929d0e0e4736", Guid.Parse("0193b3a0-0000-7000-8000-00000000ca05"));

    public static StoredEvent Stored(EventData data, long revision = 0) => new(
        "conversation-0193b3a0-0000-7000-8000-0000000000c0", revision, new LogPosition(7), data.EventId, data.Type,
        data.Payload, data.Metadata);
}
