using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Users;
using ChatCqrs.Infrastructure.Serialization;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace ChatCqrs.Infrastructure.Tests.Serialization;

/// <summary>Beyond <see cref="EventSnapshotTests"/>: any event round-trips, and anything else is refused.</summary>
public sealed class EventCodecTests
{
    private readonly EventCodec _codec = new();

    [Property(MaxTest = 200)]
    public Property Any_message_comes_back() => Prop.ForAll(Messages.ToArbitrary(), message =>
    {
        var (data, _) = _codec.Encode(message, Examples.Context(), IEventCodec.FirstLink);
        var read = (ConversationEvent.MessageSent)_codec.Decode(Examples.Stored(data)).Event;
        return read with { Content = message.Content, At = message.At } == message
            && read.Content.Bytes.Span.SequenceEqual(message.Content.Bytes.Span)
            && read.Content.Bucket == message.Content.Bucket;
    });

    [Property(MaxTest = 200)]
    public void Any_text_comes_back(NonNull<string> name, NonNull<string> platform)
    {
        var added = new UserEvent.DeviceAdded(
            new UserId(Guid.NewGuid()), new DeviceId(Guid.NewGuid()), Wellformed(name.Get), Wellformed(platform.Get))
        { At = Examples.At };
        var (data, _) = _codec.Encode(added, Examples.Context(), IEventCodec.FirstLink);
        Assert.Equal(added, _codec.Decode(Examples.Stored(data)).Event);
    }

    [Fact]
    public void What_the_clock_caused_names_nobody_and_what_is_absent_is_left_out()
    {
        var context = new EventContext(Guid.NewGuid(), Examples.At, Actor.System, null, null);
        var (data, _) = _codec.Encode(Examples.Read, context, IEventCodec.FirstLink);

        using var metadata = JsonDocument.Parse(data.Metadata);
        Assert.Equal(
            ["occurred_at", "prev_hash", "hash"],
            metadata.RootElement.EnumerateObject().Select(property => property.Name));
        Assert.Equal(Actor.System, _codec.Decode(Examples.Stored(data)).Actor);
    }

    [Theory]
    [InlineData("message-unheard-of.v1", "{}", null)]
    [InlineData("message-read.v1", "{", null)]
    [InlineData("message-read.v1", "null", null)]
    [InlineData("message-sent.v1", """{"type":"scent"}""", null)]
    [InlineData("message-read.v1", "{}", null)]
    [InlineData("message-read.v1", """{"user":null,"device":1,"up_to_seq":"x"}""", null)]
    [InlineData("message-read.v1", "{}", "{}")]
    [InlineData("message-read.v1", "{}", """{"occurred_at":1}""")]
    [InlineData("message-read.v1", "{}", "no JSON")]
    public void What_cannot_be_read_is_never_taken_for_something_else(string type, string payload, string? metadata)
    {
        var (data, _) = _codec.Encode(Examples.Read, Examples.Context(), IEventCodec.FirstLink);
        var stored = Examples.Stored(data) with
        {
            Type = type,
            Payload = Encoding.UTF8.GetBytes(payload),
            Metadata = metadata is null ? data.Metadata : Encoding.UTF8.GetBytes(metadata),
        };

        Assert.Throws<FormatException>(() => _codec.Decode(stored));
    }

    [Fact]
    public void A_property_that_a_later_version_may_add_is_passed_over()
    {
        var (data, _) = _codec.Encode(Examples.Read, Examples.Context(), IEventCodec.FirstLink);
        var payload = Encoding.UTF8.GetString(data.Payload.Span)
            .Replace("{", """{"later":{"a":[1,2]},""", StringComparison.Ordinal);
        var stored = Examples.Stored(data) with { Payload = Encoding.UTF8.GetBytes(payload) };

        Assert.Equal(Examples.Read, _codec.Decode(stored).Event);
    }

    private static Gen<ConversationEvent.MessageSent> Messages =>
        from ids in Gen.Four(ArbMap.Default.GeneratorFor<Guid>())
        from type in Gen.Elements(Enum.GetValues<MessageType>())
        from bytes in ArbMap.Default.GeneratorFor<byte[]>()
        from bucket in Gen.Elements<string?>(null, "day-2026-12-24", "hour-2026-12-24T13")
        from high in ArbMap.Default.GeneratorFor<ulong>()
        from isReply in ArbMap.Default.GeneratorFor<bool>()
        from days in Gen.Choose(-1, 400)
        select new ConversationEvent.MessageSent(
            new MessageId(ids.Item1), new UserId(ids.Item2), new DeviceId(ids.Item3), type,
            new SealedContent(bucket, bytes),
            new Fingerprint(new UInt128(high, (ulong)days)), isReply ? new MessageId(ids.Item4) : null,
            days < 0 ? null : Examples.At.AddDays(days).AddMilliseconds(days))
        { At = Examples.At };

    /// <summary>Replaces lone surrogates, which UTF-8 cannot encode.</summary>
    private static string Wellformed(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
}
