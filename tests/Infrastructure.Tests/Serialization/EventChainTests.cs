using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Serialization;

namespace ChatCqrs.Infrastructure.Tests.Serialization;

public sealed class EventChainTests
{
    private static readonly EventCodec Codec = new();

    [Fact]
    public void A_stream_as_it_was_written_holds_also_from_its_middle_on()
    {
        var stream = Stream(20);

        Assert.Null(EventChain.FirstBroken(IEventCodec.FirstLink, stream));
        Assert.Null(EventChain.FirstBroken(EventChain.HashOf(stream[6].Metadata.Span), stream.Skip(7)));
    }

    [Fact]
    public void Any_byte_that_is_changed_shows()
    {
        var stored = Stream(1)[0];
        AssertBroken(stored with { Type = "message-read.v2" });
        AssertBroken(stored with { EventId = Guid.NewGuid() });
        for (var at = 0; at < stored.Payload.Length; at++)
            AssertBroken(stored with { Payload = Flipped(stored.Payload, at) });
        for (var at = 0; at < stored.Metadata.Length; at++)
            AssertBroken(stored with { Metadata = Flipped(stored.Metadata, at) });
    }

    [Fact]
    public void A_byte_that_moves_from_one_part_to_the_next_shows()
    {
        var stored = Stream(1)[0];
        AssertBroken(stored with { Payload = stored.Payload[..^1] });
        AssertBroken(stored with { Payload = new byte[] { (byte)' ' }.Concat(stored.Payload.ToArray()).ToArray() });
        AssertBroken(stored with { Metadata = new byte[] { (byte)' ' }.Concat(stored.Metadata.ToArray()).ToArray() });
        AssertBroken(stored with { Metadata = Array.Empty<byte>() });
    }

    [Fact]
    public void An_event_that_is_left_out_doubled_or_in_another_place_shows_where_it_was()
    {
        var stream = Stream(6);

        Assert.Equal(3, EventChain.FirstBroken(IEventCodec.FirstLink, [.. stream.Take(2), .. stream.Skip(3)]));
        Assert.Equal(
            2, EventChain.FirstBroken(IEventCodec.FirstLink, [.. stream.Take(3), stream[2], .. stream.Skip(3)]));
        Assert.Equal(
            4, EventChain.FirstBroken(IEventCodec.FirstLink, [.. stream.Take(3), stream[4], stream[3], stream[5]]));
        Assert.Equal(1, EventChain.FirstBroken(IEventCodec.FirstLink, stream.Skip(1)));
    }

    [Fact]
    public void An_event_that_was_replaced_with_a_right_hash_breaks_the_next()
    {
        var stream = Stream(4);
        var (data, _) = Codec.Encode(
            Examples.Sent, Examples.Context(99), EventChain.HashOf(stream[0].Metadata.Span));
        stream[1] = Examples.Stored(data, revision: 1);

        Assert.Equal(2, EventChain.FirstBroken(IEventCodec.FirstLink, stream));
    }

    [Fact]
    public void The_hash_is_what_the_documentation_says()
    {
        var previous = RandomNumberGenerator.GetBytes(32);
        var (data, hash) = Codec.Encode(Examples.Sent, Examples.Context(), previous);
        var metadata = Encoding.UTF8.GetString(data.Metadata.Span);
        var suffix = $",\"hash\":\"{Convert.ToBase64String(hash.Span)}\"}}";

        Assert.EndsWith(suffix, metadata, StringComparison.Ordinal);
        Assert.Contains($"\"prev_hash\":\"{Convert.ToBase64String(previous)}\"", metadata, StringComparison.Ordinal);
        var open = metadata[..^suffix.Length] + "}";
        Assert.Equal(Rule(previous, data.Type, data.EventId, open, data.Payload.ToArray()), hash.ToArray());
    }

    [Fact]
    public void The_documentations_example_holds()
    {
        var example = EventsPage.WorkedExample();
        var (metadata, payload) = (example["metadata"], Encoding.UTF8.GetBytes(example["payload"]));
        var suffix = $",\"hash\":\"{example["hash"]}\"}}";
        var stored = Examples.Stored(new EventData(
            Guid.Parse(example["event_id"]), example["type"], payload, Encoding.UTF8.GetBytes(metadata)));
        var previous = Convert.FromBase64String(example["prev_hash"]);

        Assert.EndsWith(suffix, metadata, StringComparison.Ordinal);
        Assert.True(EventChain.Holds(previous, stored));
        var open = metadata[..^suffix.Length] + "}";
        Assert.Equal(
            example["hash"],
            Convert.ToBase64String(Rule(previous, stored.Type, stored.EventId, open, payload)));
        Assert.NotNull(Codec.Decode(stored));
    }

    [Fact]
    public void The_documentation_names_every_event() =>
        Assert.Equal(EventRegistry.Formats.Select(format => format.Name).Order(), EventsPage.WireNames().Order());

    [Fact]
    public void The_documentation_names_every_field_of_every_event() => Assert.All(EventRegistry.Formats, format =>
    {
        var fields = PayloadOf(format.Name).GetConstructors()[0].GetParameters()
            .Select(field => JsonNamingPolicy.SnakeCaseLower.ConvertName(field.Name!));
        Assert.Equal(
            fields.Order(StringComparer.Ordinal), EventsPage.FieldsOf(format.Name).Order(StringComparer.Ordinal));
    });

    /// <summary>The payload type of a wire name: <c>MemberAddedV1</c> for <c>member-added.v1</c>.</summary>
    private static Type PayloadOf(string wireName)
    {
        var words = wireName.Split('-', '.').Select(part => char.ToUpperInvariant(part[0]) + part[1..]);
        var name = $"{typeof(EventRegistry).Namespace}.{string.Concat(words)}";
        return typeof(EventRegistry).Assembly.GetType(name, throwOnError: true)!;
    }

    /// <summary>The documented rule, implemented independently.</summary>
    private static byte[] Rule(byte[] previous, string type, Guid eventId, string metadata, byte[] payload)
    {
        IEnumerable<byte> bytes = previous;
        byte[][] parts =
        [
            Encoding.UTF8.GetBytes(type), eventId.ToByteArray(bigEndian: true), Encoding.UTF8.GetBytes(metadata),
            payload,
        ];
        foreach (var part in parts)
        {
            var length = part.Length;
            bytes =
            [
                .. bytes, (byte)(length >> 24), (byte)(length >> 16), (byte)(length >> 8), (byte)length, .. part,
            ];
        }

        return SHA256.HashData(bytes.ToArray());
    }

    private static StoredEvent[] Stream(int count)
    {
        var (stream, previous) = (new StoredEvent[count], IEventCodec.FirstLink);
        for (var revision = 0; revision < count; revision++)
        {
            (var data, previous) = Codec.Encode(Examples.Sent, Examples.Context(revision + 1), previous);
            stream[revision] = Examples.Stored(data, revision);
        }

        return stream;
    }

    private static void AssertBroken(StoredEvent stored) =>
        Assert.Equal(0, EventChain.FirstBroken(IEventCodec.FirstLink, [stored]));

    private static byte[] Flipped(ReadOnlyMemory<byte> bytes, int at)
    {
        var flipped = bytes.ToArray();
        flipped[at] ^= 1;
        return flipped;
    }
}
