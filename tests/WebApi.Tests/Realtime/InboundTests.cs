using System.Buffers.Binary;
using ChatCqrs.WebApi.Realtime;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>What is counted of a client's bytes, however they are cut into reads.</summary>
public sealed class InboundTests
{
    private const byte Text = 0x81, Beginning = 0x01, Middle = 0x00, End = 0x80, Ping = 0x89, Pong = 0x8A;

    private readonly ManualClock _clock = new();
    private readonly Inbound _inbound;

    public InboundTests() => _inbound = new Inbound(_clock);

    public static TheoryData<int> Cuts => [1, 2, 3, 5, 7, 64, 1_000, 1_000_000];

    [Theory]
    [MemberData(nameof(Cuts))]
    public void Control_frames_and_fragments_are_counted_and_whole_messages_are_not(int cut)
    {
        byte[] sent =
        [
            .. Frame(Text, 0), .. Frame(Text, 125), .. Frame(Text, 126), .. Frame(Text, 70_000),
            .. Frame(Ping, 0), .. Frame(Pong, 125),
            .. Frame(Beginning, 10), .. Frame(Ping, 3), .. Frame(Middle, 0), .. Frame(Middle, 300), .. Frame(End, 7),
            .. Frame(Text, 1),
        ];

        Assert.Equal(7, sent.Chunk(cut).Sum(part => _inbound.Note(part)));

        _inbound.Wait();
        _clock.Advance(Inbound.UnfinishedMax);
        Assert.Equal(TimeSpan.Zero, _inbound.UnfinishedFor); // All is finished.
        Assert.Equal(Inbound.UnfinishedMax, _inbound.SilentFor);
    }

    public static TheoryData<byte[]> Unfinished => new()
    {
        new byte[] { Text }, // Half a header.
        new byte[] { Text, 0xFE, 1 }, // A part of the length.
        Frame(Text, 5)[..^1],
        Frame(Ping, 5)[..^1],
        Frame(Beginning, 5),
        Frame(Beginning, 5).Concat(Frame(Ping, 0)).ToArray(), // A control frame in between changes nothing.
        Frame(Beginning, 5).Concat(Frame(Middle, 0)).ToArray(),
    };

    [Theory]
    [MemberData(nameof(Unfinished))]
    public void An_unfinished_frame_takes_time_while_the_server_waits_for_it(byte[] sent)
    {
        _inbound.Note(sent);
        _clock.Advance(TimeSpan.FromMinutes(5)); // The server does not read: its own affair.
        Assert.Equal((TimeSpan.Zero, TimeSpan.Zero), (_inbound.UnfinishedFor, _inbound.SilentFor));

        _inbound.Wait();
        _clock.Advance(TimeSpan.FromSeconds(29));
        _inbound.Note([]);
        _inbound.Wait();
        _clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(TimeSpan.FromSeconds(30), _inbound.UnfinishedFor); // One byte now and then does not help.
        Assert.Equal(TimeSpan.FromSeconds(1), _inbound.SilentFor);
        _inbound.Excuse();
        Assert.Equal(TimeSpan.Zero, _inbound.UnfinishedFor);
    }

    [Fact]
    public void A_client_that_always_sends_the_next_frame_s_beginning_with_the_last_one_is_not_late()
    {
        var frame = Frame(Text, 100);
        _inbound.Note(frame.AsSpan(0, 50));
        for (var n = 0; n < 100; n++)
        {
            _inbound.Wait();
            _clock.Advance(TimeSpan.FromSeconds(20));
            Assert.InRange(_inbound.UnfinishedFor, TimeSpan.Zero, TimeSpan.FromSeconds(20));
            _inbound.Note([.. frame.AsSpan(50), .. frame.AsSpan(0, 50)]);
        }
    }

    /// <summary>A client's frame: with a mask, and bytes that look like headers.</summary>
    private static byte[] Frame(byte first, int length)
    {
        byte[] size = length switch
        {
            < 126 => [(byte)(0x80 | length)],
            <= ushort.MaxValue => [0xFE, 0, 0],
            _ => [0xFF, 0, 0, 0, 0, 0, 0, 0, 0],
        };
        if (size.Length == 3)
            BinaryPrimitives.WriteUInt16BigEndian(size.AsSpan(1), (ushort)length);
        else if (size.Length == 9)
            BinaryPrimitives.WriteInt64BigEndian(size.AsSpan(1), length);
        return [first, .. size, 0x89, 0x80, 0x01, 0x00, .. Enumerable.Repeat(Ping, length)];
    }
}
