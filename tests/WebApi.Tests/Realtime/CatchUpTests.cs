using System.Net.WebSockets;
using System.Text;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Realtime;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>
/// A socket gets every entry once, in order, without a gap, whichever live entries were lost, doubled or late.
/// </summary>
public sealed class CatchUpTests : IAsyncDisposable
{
    private static readonly ConversationId Theirs = new(Guid.NewGuid());
    private static readonly byte[] Synced = "synced "u8.ToArray();

    private readonly MemoryStream _wire = new();
    private readonly ClientWebSocket _socket = new();
    private readonly Connection _connection;
    private int _catchUps;

    public CatchUpTests() => _connection = new Connection(
        new UserId(Guid.NewGuid()), new DeviceId(Guid.NewGuid()), DateTimeOffset.MaxValue, _socket,
        new Outbound(_wire, TimeProvider.System), new Inbound(TimeProvider.System))
    {
        OnCatchUpNeeded = _ => _catchUps++,
    };

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return _wire.DisposeAsync();
    }

    [Fact]
    public async Task Unacknowledged_entries_come_before_entries_that_are_live_meanwhile()
    {
        Deliver(6);
        _connection.Begin([(Theirs, 0, 2, 5)]);
        Deliver(7);

        CatchUp();
        Deliver(8);

        await SentAsync("3 4 5 6 7 synced 8 ");
        Assert.Equal(0, _catchUps); // The gateway starts the first catch-up itself.
    }

    [Fact]
    public async Task Unacknowledged_entries_come_up_to_the_last_one_without_a_live_entry()
    {
        _connection.Begin([(Theirs, 0, 2, 5)]);

        CatchUp();

        await SentAsync("3 4 5 synced ");
    }

    [Fact]
    public void Who_leaves_before_their_inbox_is_taken_over_shares_the_conversation_no_more()
    {
        _connection.Leave(Theirs);
        _connection.Begin([(Theirs, 0, 2, 2)]);

        var found = new HashSet<UserId>();
        _connection.FindSharing(
            new Dictionary<ConversationId, List<UserId>> { [Theirs] = [new UserId(Guid.NewGuid())] }, found);

        Assert.Empty(found);
    }

    [Fact]
    public async Task No_entry_is_sent_twice()
    {
        await BeganAsync(3);

        foreach (var seq in new[] { 4, 4, 3, 5, 4, 5, 6 })
            Deliver(seq);

        await SentAsync("4 5 6 ");
    }

    [Fact]
    public async Task A_gap_is_filled_before_anything_later_goes_out()
    {
        await BeganAsync(3);

        Deliver(4);
        Deliver(7);
        Deliver(8);
        Assert.Equal(1, _catchUps);
        await SentAsync("4 ");
        CatchUp();
        Deliver(9);

        await SentAsync("4 5 6 7 8 9 ");
    }

    [Fact]
    public async Task Entries_lost_while_a_gap_is_filled_are_fetched_too()
    {
        await BeganAsync(3);

        Deliver(5);
        Deliver(6);
        Deliver(9); // 7 and 8 are lost.
        CatchUp();

        await SentAsync("4 5 6 7 8 9 ");
        Assert.Equal(1, _catchUps);
    }

    [Fact]
    public async Task Frames_beyond_the_bound_are_dropped_and_fetched()
    {
        await BeganAsync(0);
        var last = (WebApi.Realtime.CatchUp.HeldMax * 2) + 10;

        for (var seq = 2; seq <= last; seq++)
            Deliver(seq);
        CatchUp();

        await SentAsync(string.Concat(Enumerable.Range(1, last).Select(seq => $"{seq} ")));
    }

    [Fact]
    public async Task A_new_conversation_starts_from_its_beginning()
    {
        await BeganAsync(3);
        var other = new ConversationId(Guid.NewGuid());

        Deliver(0, other);
        Deliver(1, other);
        Deliver(4);

        await SentAsync("0 1 4 ");
    }

    [Fact]
    public async Task A_sync_sends_again_what_follows_and_says_when_it_is_done()
    {
        await BeganAsync(6);

        _connection.Rewind([(Theirs, 3, 6)], LogPosition.Start);
        Deliver(7);
        CatchUp();

        await SentAsync("4 5 6 7 synced ");
        Assert.Equal(1, _catchUps);
    }

    [Fact]
    public async Task A_sync_in_the_middle_of_a_catch_up_starts_anew_and_leaves_nothing_out()
    {
        _connection.Begin([(Theirs, 0, 2, 5)]);
        CatchUp(fills: 1);

        _connection.Rewind([(Theirs, 0, 5)], LogPosition.Start);
        _connection.Fill(Theirs, 4, "4 "u8.ToArray()); // An entry of the page before the sync.
        CatchUp();

        await SentAsync("3 1 2 3 4 5 synced synced "); // One of the first catch-up, one of the sync.
    }

    [Fact]
    public async Task Each_sync_is_answered()
    {
        await BeganAsync(6);

        _connection.Rewind([(Theirs, 3, 6)], LogPosition.Start);
        _connection.Rewind([(Theirs, 5, 6)], LogPosition.Start);
        CatchUp();
        Deliver(7);

        await SentAsync("4 5 6 synced synced 7 ");
    }

    [Fact]
    public async Task A_sync_that_a_live_entry_overtakes_has_that_entry_in_its_place_too()
    {
        await BeganAsync(8);

        Deliver(9); // Committed after the sync read the conversation's last seq.
        _connection.Rewind([(Theirs, 5, 8)], LogPosition.Start);
        CatchUp();
        Deliver(10);

        await SentAsync("9 6 7 8 9 synced 10 ");
    }

    [Fact]
    public async Task Held_entries_that_the_device_acknowledged_by_REST_are_not_sent()
    {
        Deliver(4);
        Deliver(5);
        Deliver(6);
        _connection.Begin([(Theirs, 0, 5, 6)]);
        CatchUp();

        await SentAsync("6 synced ");
    }

    [Fact]
    public async Task A_sync_beyond_the_end_waits_for_nothing()
    {
        await BeganAsync(6);

        _connection.Rewind([(Theirs, 1_000, 6)], LogPosition.Start);
        CatchUp();
        Deliver(7);

        await SentAsync("synced 7 ");
    }

    [Fact]
    public async Task An_entry_without_a_frame_is_fetched_and_later_entries_wait_for_it()
    {
        await BeganAsync(3);

        _connection.Miss(Theirs, 4, LogPosition.Start);
        Deliver(5);
        CatchUp();
        Deliver(6);

        await SentAsync("4 5 6 ");
    }

    [Fact]
    public async Task An_entry_without_a_frame_is_fetched_also_during_a_catch_up()
    {
        await BeganAsync(3);

        Deliver(6, isAck: true); // 4 and 5 never came.
        _connection.Miss(Theirs, 7, LogPosition.Start);
        _connection.Miss(Theirs, 6, LogPosition.Start);
        Deliver(8);
        CatchUp();

        await SentAsync("4 5 ack6 7 8 ");
    }

    [Fact]
    public async Task A_sent_entry_is_not_fetched()
    {
        await BeganAsync(3);
        Deliver(4);

        _connection.Miss(Theirs, 4, LogPosition.Start);
        Deliver(5);

        await SentAsync("4 5 ");
    }

    [Fact]
    public async Task An_ack_takes_its_entrys_place_and_is_owed_even_late()
    {
        await BeganAsync(3);

        Deliver(5, isAck: true);
        Deliver(6);
        CatchUp(); // 4 is fetched; it has no ack, and must not become an empty frame.
        Deliver(6, isAck: true);

        await SentAsync("4 ack5 6 ack6 ");
    }

    [Fact]
    public async Task An_entry_that_is_fetched_though_its_ack_is_held_is_shown_as_the_ack()
    {
        Deliver(4, isAck: true);
        _connection.Begin([(Theirs, 0, 2, 5)]);
        Deliver(7);
        CatchUp();

        await SentAsync("3 ack4 5 6 7 synced ");
    }

    [Fact]
    public async Task An_ack_is_owed_for_an_entry_that_could_not_be_handed_over()
    {
        await BeganAsync(3);

        _connection.Miss(Theirs, 5, LogPosition.Start, Frame("ack5"));
        Deliver(6);
        CatchUp();
        _connection.Miss(Theirs, 6, LogPosition.Start, Frame("ack6"));

        await SentAsync("4 ack5 6 ack6 ");
    }

    [Fact]
    public async Task An_ack_is_owed_although_the_device_acknowledged_its_entry_or_the_user_was_removed()
    {
        var other = new ConversationId(Guid.NewGuid());
        _connection.Miss(Theirs, 4, LogPosition.Start, Frame("ack4"));
        Deliver(8, other, isAck: true);
        _connection.Begin([(Theirs, 0, 5, 5)]);
        _connection.Abandon(other);
        CatchUp();

        await SentAsync("ack8 ack4 synced ");
    }

    [Fact]
    public void Frames_are_held_up_to_a_size_and_fetched_beyond_it()
    {
        var catchUp = new CatchUp(initial: false);
        var large = new byte[(WebApi.Realtime.CatchUp.HeldBytesMax / 4) - Outbound.FrameCost];
        var other = new ConversationId(Guid.NewGuid());

        for (var seq = 5; seq < 8; seq++)
            Assert.True(catchUp.Hold(Theirs, seq, LogPosition.Start, large, isAck: false));
        Assert.True(catchUp.Hold(other, 3, LogPosition.Start, large, isAck: false));
        Assert.Equal((4, 2), (catchUp.MissingUpTo(Theirs), catchUp.MissingUpTo(other)));

        Assert.True(catchUp.Hold(other, 4, LogPosition.Start, large, isAck: true));
        Assert.Equal((4, 4), (catchUp.MissingUpTo(Theirs), catchUp.MissingUpTo(other)));
        Assert.True(catchUp.Hold(Theirs, 8, LogPosition.Start, large, isAck: false));
        Assert.Equal([5, 6, 7, 8], catchUp.Release(Theirs).Select(held => held.Seq)); // The bytes were free again.
        Assert.Equal([(4L, true)], catchUp.Release(other).Select(held => (held.Seq, held.IsAck)));
    }

    [Fact]
    public void Of_more_conversations_than_are_kept_some_are_forgotten_but_none_with_a_gap()
    {
        _connection.Begin([(Theirs, 0, 3, 5)]);
        for (var n = 0; n < 2 * Connection.ConversationsMax; n++)
            _connection.Deliver(new ConversationId(Guid.NewGuid()), 0, LogPosition.Start, Frame("x"), isAck: false);
        Assert.InRange(_connection.ConversationsKept, Connection.ConversationsMax / 2, Connection.ConversationsMax);
        var gap = _connection.NextMissing(Synced)!.Value;
        Assert.Equal((Theirs, 3, true), (gap.Conversation, gap.After, gap.IsKnown));

        var forgotten = new ConversationId(Guid.NewGuid());
        _connection.Deliver(forgotten, 7, LogPosition.Start, Frame("y"), isAck: false);
        _connection.Fill(Theirs, 4, Frame("4"));
        _connection.Fill(Theirs, 5, Frame("5"));

        var missing = _connection.NextMissing(Synced)!.Value;
        Assert.Equal((forgotten, -1, 6, false), (missing.Conversation, missing.After, missing.UpTo, missing.IsKnown));
    }

    [Fact]
    public void The_first_gap_is_filled_first()
    {
        var (first, second, third) = (new ConversationId(Guid.NewGuid()), new ConversationId(Guid.NewGuid()), Theirs);
        _connection.Begin([(first, 0, 0, 1), (second, 0, 0, 1), (third, 0, 0, 1)]);
        foreach (var expected in new[] { first, second, third })
        {
            Assert.Equal(expected, _connection.NextMissing(Synced)!.Value.Conversation);
            _connection.Fill(expected, 1, Frame("1"));
        }

        Assert.Null(_connection.NextMissing(Synced));
    }

    [Fact]
    public void No_more_conversations_have_gaps_than_may_have()
    {
        var catchUp = new CatchUp(initial: true);
        for (var n = 0; n < WebApi.Realtime.CatchUp.GapsMax; n++)
            Assert.True(catchUp.Want(new ConversationId(Guid.NewGuid()), 1));
        Assert.False(catchUp.Want(Theirs, 1));
        Assert.False(catchUp.Hold(Theirs, 1, LogPosition.Start, Frame("x"), isAck: false));
        Assert.False(catchUp.Miss(Theirs, 1, LogPosition.Start, null));
    }

    [Fact]
    public void No_more_acks_are_owed_than_may_be()
    {
        var catchUp = new CatchUp(initial: false);
        for (var seq = 1; seq <= WebApi.Realtime.CatchUp.AcksMax; seq++)
            Assert.True(catchUp.Hold(Theirs, seq, LogPosition.Start, Frame("ack"), isAck: true));

        Assert.NotNull(catchUp.TakeAck(Theirs, 1));
        Assert.Null(catchUp.TakeAck(Theirs, 1));
        Assert.True(catchUp.Miss(Theirs, 10_001, LogPosition.Start, Frame("ack")));
        Assert.False(catchUp.Hold(Theirs, 10_002, LogPosition.Start, Frame("ack"), isAck: true));
    }

    /// <summary>Delivers entries in random order, some twice and some never, with catch-ups in between.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Whatever_happens_on_the_way_each_entry_is_sent_once_in_order(int seed)
    {
        var random = new Random(seed);
        var confirmed = random.Next(20);
        var committed = confirmed + random.Next(20);
        if (random.Next(2) == 0)
            Deliver(committed + 1);
        _connection.Begin([(Theirs, 0, confirmed, committed)]);
        for (var step = 0; step < 300; step++)
        {
            committed += random.Next(3);
            switch (random.Next(6))
            {
                case 0:
                    CatchUp(fills: random.Next(5));
                    break;
                case 1:
                    Deliver(Math.Max(0, committed - random.Next(8)));
                    break;
                default:
                    Deliver(committed);
                    break;
            }
        }

        CatchUp();
        Deliver(committed + 1);
        CatchUp();

        await _connection.Outbound.DrainedAsync();
        var seqs = Encoding.ASCII.GetString(_wire.ToArray()).Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Where(frame => frame != "synced");
        Assert.Equal(Enumerable.Range(confirmed + 1, committed + 1 - confirmed).Select(seq => $"{seq}"), seqs);
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 40)];

    /// <summary>Starts with a device that has acknowledged everything up to a seq.</summary>
    private async Task BeganAsync(long confirmed)
    {
        _connection.Begin([(Theirs, 0, confirmed, confirmed)]);
        CatchUp();
        await SentAsync("synced ");
        _wire.SetLength(0);
    }

    private void Deliver(long seq, ConversationId? conversation = null, bool isAck = false) => _connection.Deliver(
        conversation ?? Theirs, seq, LogPosition.Start, Frame(isAck ? $"ack{seq}" : $"{seq}"), isAck);

    private static byte[] Frame(string text) => Encoding.ASCII.GetBytes(text + " ");

    /// <summary>Catches up like the loop, with entries made here instead of the timeline's.</summary>
    /// <param name="fills">The most entries to send.</param>
    private void CatchUp(int fills = int.MaxValue)
    {
        if (!_connection.IsCatchingUp)
            return;
        while (fills > 0 && _connection.NextMissing(Synced) is { } missing)
        {
            for (var seq = missing.After + 1; seq <= missing.UpTo && fills > 0; seq++, fills--)
                _connection.Fill(missing.Conversation, seq, Encoding.ASCII.GetBytes($"{seq} "));
        }
    }

    private async Task SentAsync(string expected)
    {
        await _connection.Outbound.DrainedAsync();
        Assert.Equal(expected, Encoding.ASCII.GetString(_wire.ToArray()));
    }
}
