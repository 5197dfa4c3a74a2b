using ChatCqrs.Client.Realtime;
using ChatCqrs.Client.Specs.Fakes;

namespace ChatCqrs.Client.Specs;

/// <summary>Entries of a conversation reach whoever listens in seq order, each once, without a gap.</summary>
public sealed class EntrySpecs
{
    [Fact]
    public async Task Entries_are_handed_over_once_and_confirmed_when_they_were_taken()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);

        socket.Message(World.Talk, 1);
        socket.Message(World.Talk, 1);
        socket.Message(World.Talk, 2);

        await events.SeqsAsync(1, 2);
        Assert.Equal(World.Talk, await DeliveredAsync(world, socket, 2));
    }

    [Fact]
    public async Task What_was_not_confirmed_comes_again_after_a_reconnect_and_is_not_handed_over_twice()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);
        socket.Message(World.Talk, 1);
        await events.SeqsAsync(1);
        socket.Close(null);
        socket = await world.NextSocketAsync();

        socket.Welcome();
        socket.Message(World.Talk, 1);
        socket.Message(World.Talk, 2);
        socket.Synced();

        await events.SeqsAsync(1, 2);
        await DeliveredAsync(world, socket, 2);
    }

    [Fact]
    public async Task A_gap_is_closed_by_asking()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);
        socket.Message(World.Talk, 1);

        socket.Message(World.Talk, 4);

        var sync = await socket.NextAsync("sync");
        Assert.Equal(1, sync.GetProperty("conversations").GetProperty(World.Talk.ToString()).GetInt64());
        for (var seq = 2; seq <= 4; seq++)
            socket.Message(World.Talk, seq);
        socket.Synced();
        socket.Message(World.Talk, 5);
        await events.SeqsAsync(1, 2, 3, 4, 5);
    }

    [Fact]
    public async Task What_the_server_does_not_have_any_more_is_not_asked_for_for_ever()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);
        socket.Message(World.Talk, 1);
        socket.Message(World.Talk, 9); // One was removed after 1, and added again at 8.

        await socket.NextAsync("sync");
        socket.Message(World.Talk, 8);
        socket.Message(World.Talk, 9);
        socket.Synced();
        var second = await socket.NextAsync("sync");
        Assert.Equal(7, second.GetProperty("conversations").GetProperty(World.Talk.ToString()).GetInt64());
        socket.Message(World.Talk, 8);
        socket.Message(World.Talk, 9);
        socket.Synced();

        await events.SeqsAsync(1, 8, 9);
    }

    [Theory]
    [InlineData(404, "conversation_unknown", false)]
    [InlineData(503, "store_unavailable", true)]
    public async Task A_refused_question_is_asked_again_where_that_can_help(int status, string code, bool again)
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);
        socket.Message(World.Talk, 1);
        socket.Message(World.Talk, 3);
        var sync = await socket.NextAsync("sync");

        socket.Refuse(sync, status, code);
        socket.Message(World.Ben, 1);
        await events.SeqsAsync(1, 1);
        world.Time.Advance(TimeSpan.FromSeconds(1));

        if (again)
            await socket.NextAsync("sync");
        else
            Assert.DoesNotContain("sync", await world.OpsDueAsync(socket));
        socket.Message(World.Talk, 2);
        await events.UntilAsync(seen => seen.OfType<ConversationEntry>().Count() == 3, "entries go on");
    }

    [Fact]
    public async Task A_new_incarnation_is_taken_once_each_conversation_is_answered_or_is_known_to_be_gone()
    {
        await using var world = new World();
        await world.Storage.WriteAsync("incarnation", World.Incarnation.ToString());
        await world.Storage.WriteAsync(Positions.Prefix + World.Talk, "5"); // Left long ago.
        await world.Storage.WriteAsync(Positions.Prefix + World.Ben, "7");
        await world.SignedInAsync();
        var connecting = world.Client.ConnectAsync();
        var socket = await world.Server.OpenedAsync();
        var other = Guid.NewGuid();
        socket.Welcome(incarnation: other);
        socket.Synced();

        var first = await socket.NextAsync("sync");
        socket.Refuse(first, 503, "store_unavailable");
        await socket.TakenAsync();
        world.Time.Advance(TimeSpan.FromSeconds(1));
        var second = await socket.NextAsync("sync"); // One that is refused holds up no other.
        Assert.NotEqual(AskedBy(first), AskedBy(second));
        Answer(second);
        await socket.TakenAsync();
        var third = await socket.NextAsync("sync");
        Assert.Equal(AskedBy(first), AskedBy(third));
        Assert.Equal(ClientStatus.CatchingUp, world.Client.State.Status);
        Answer(third);

        await connecting.WaitAsync(Wait.Most);
        Assert.Equal(other.ToString(), await world.Storage.ReadAsync("incarnation"));
        await world.Client.CloseAsync();
        Assert.Equal([Positions.Prefix + World.Ben], await world.Storage.KeysAsync(Positions.Prefix));

        void Answer(System.Text.Json.JsonElement sync)
        {
            if (AskedBy(sync) == World.Talk.ToString())
                socket.Refuse(sync, 404, "conversation_unknown");
            else
                socket.Synced();
        }
    }

    [Fact]
    public async Task A_conversation_that_is_gone_is_not_stored_again_by_entries_that_were_on_their_way()
    {
        var (positions, storage) = (new Positions(), new MemoryStorage());
        positions.HandedOver(World.Talk, 5);

        positions.Forget(World.Talk);

        Assert.False(positions.WasTaken(World.Talk, 5));
        await positions.SaveAsync(storage, CancellationToken.None);
        Assert.Empty(await storage.KeysAsync(""));
        Assert.Null(positions.Ask());
    }

    [Fact]
    public async Task A_question_that_the_connection_did_not_survive_is_asked_on_the_next_one()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);
        socket.Message(World.Talk, 1);
        socket.Message(World.Talk, 4);
        await socket.NextAsync("sync");

        socket.Close(null);
        socket = await world.NextSocketAsync();
        socket.Welcome();
        socket.Synced();

        var sync = await socket.NextAsync("sync");
        Assert.Equal(1, sync.GetProperty("conversations").GetProperty(World.Talk.ToString()).GetInt64());
        for (var seq = 2; seq <= 4; seq++)
            socket.Message(World.Talk, seq);
        socket.Synced();
        await events.SeqsAsync(1, 2, 3, 4);
    }

    [Fact]
    public async Task A_position_that_the_store_did_not_take_is_stored_later()
    {
        var storage = new TroubledStorage
        {
            Fails = (key, _) => key.StartsWith(Positions.Prefix, StringComparison.Ordinal),
        };
        await using var world = new World(storage);
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);
        socket.Message(World.Talk, 1);
        await DeliveredAsync(world, socket, 1);
        world.Time.Advance(TimeSpan.FromSeconds(1));
        await world.BecomesAsync(ClientStatus.Waiting);

        storage.Fails = (_, _) => false;
        await world.Client.CloseAsync();
        var connecting = world.Client.ConnectAsync();
        await world.CaughtUpAsync();
        await connecting.WaitAsync(Wait.Most);
        await world.Client.CloseAsync();

        Assert.Equal("1", await storage.ReadAsync(Positions.Prefix + World.Talk));
    }

    [Fact]
    public async Task One_s_own_message_takes_its_place_by_its_ack()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);
        socket.Message(World.Talk, 1);
        var sent = await world.Conversation.SendAsync("mine", replyTo: World.Ben);
        await socket.NextAsync("send");

        socket.Ack(sent.Id, World.Talk, 2);
        socket.Message(World.Talk, 3);

        await events.SeqsAsync(1, 2, 3);
        var mine = events.Seen.OfType<MessageReceived>().Single(e => e.Seq == 2).Message;
        Assert.Equal(
            (sent.Id, World.Ada, World.Device, "text", "mine", World.Ben),
            (mine.MessageId, mine.SenderId, mine.SenderDeviceId!.Value, mine.Type, mine.Text, mine.ReplyTo!.Value));
    }

    [Fact]
    public async Task The_answer_to_a_retry_may_come_before_its_place()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);
        socket.Message(World.Talk, 1);
        var sent = await world.Conversation.SendAsync("mine");
        await socket.NextAsync("send");
        socket.Close(null);
        socket = await world.NextSocketAsync();
        socket.Welcome();
        await socket.NextAsync("send");

        socket.Ack(sent.Id, World.Talk, 3);
        socket.Message(World.Talk, 2);
        socket.Message(World.Talk, 3, sent.Id, "mine");
        socket.Message(World.Talk, 4);
        socket.Synced();

        await events.SeqsAsync(1, 2, 3, 4);
        Assert.Equal(3, (await sent.Acked.WaitAsync(Wait.Most)).Seq);
    }

    [Fact]
    public async Task What_comes_while_nobody_listens_comes_to_the_next_listener_in_order()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        for (var seq = 1; seq <= 3; seq++)
            socket.Message(World.Talk, seq);
        var marker = await world.Conversation.SendAsync("read everything before?");
        await socket.NextAsync("send");
        socket.Ack(marker.Id, Guid.NewGuid(), 1);
        await marker.Acked.WaitAsync(Wait.Most);

        await using var events = await Events.OfAsync(world.Client);
        var sync = await socket.NextAsync("sync");
        Assert.Equal(0, sync.GetProperty("conversations").GetProperty(World.Talk.ToString()).GetInt64());
        for (var seq = 1; seq <= 3; seq++)
            socket.Message(World.Talk, seq);
        socket.Synced();

        await events.UntilAsync(_ => events.Seqs.Count >= 3, "three entries");
        Assert.Equal([1, 2, 3], events.Seen.OfType<MessageReceived>()
            .Where(e => e.ConversationId == World.Talk).Select(e => e.Seq));
    }

    [Fact]
    public async Task An_event_at_which_a_loop_is_left_comes_again_and_is_not_confirmed()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        var first = Task.Run(async () =>
        {
            await foreach (var e in world.Client.EventsAsync())
            {
                if (e is MessageReceived { Seq: 2 })
                    break; // As if it could not be dealt with.
            }
        });
        await Wait.UntilAsync(() => world.Client.Parts.Hub.HasRoom, "somebody listens");
        socket.Message(World.Talk, 1);
        socket.Message(World.Talk, 2);
        await first.WaitAsync(Wait.Most);
        await DeliveredAsync(world, socket, 1);

        await using var events = await Events.OfAsync(world.Client);
        var sync = await socket.NextAsync("sync");
        Assert.Equal(1, sync.GetProperty("conversations").GetProperty(World.Talk.ToString()).GetInt64());
        socket.Message(World.Talk, 2);
        socket.Synced();
        await events.SeqsAsync(2);
    }

    [Fact]
    public async Task A_slow_listener_holds_up_the_socket_and_then_gets_the_rest_by_asking()
    {
        await using var world = new World(eventsMax: 4);
        var socket = await world.LiveAsync();
        using var go = new SemaphoreSlim(0);
        var seqs = new List<long>();
        var reading = Task.Run(async () =>
        {
            await foreach (var e in world.Client.EventsAsync())
            {
                if (e is not ConversationEntry { Seq: var seq, ConversationId: var talk })
                    continue;
                await go.WaitAsync();
                if (talk != World.Talk)
                    continue;
                lock (seqs)
                    seqs.Add(seq);
                if (seq == 20)
                    return;
            }
        });
        await Wait.UntilAsync(() => world.Client.Parts.Hub.HasRoom, "somebody listens");
        for (var seq = 1; seq <= 20; seq++)
            socket.Message(World.Talk, seq);
        await Wait.UntilAsync(() => !world.Client.Parts.Hub.HasRoom, "the listener is full");
        var sent = await world.Client.Conversation(World.Ben).SendAsync("an answer is awaited meanwhile");
        await socket.NextAsync("send");
        socket.Ack(sent.Id, World.Ben, 7);
        Assert.False(sent.Acked.IsCompleted); // The socket is held up.

        await AdvanceUntilAsync(world, () => sent.Acked.IsCompleted); // Not for ever: it must not wait for itself.
        go.Release(100);
        while (!reading.IsCompleted)
        {
            var sync = await Task.WhenAny(socket.NextAsync("sync"), reading) as Task<System.Text.Json.JsonElement>;
            if (sync is null)
                break;
            var asked = (await sync).GetProperty("conversations");
            if (asked.TryGetProperty(World.Talk.ToString(), out var after))
            {
                for (var seq = after.GetInt64() + 1; seq <= 20; seq++)
                    socket.Message(World.Talk, seq);
            }

            socket.Synced();
        }

        await reading.WaitAsync(Wait.Most);
        Assert.Equal(Enumerable.Range(1, 20).Select(seq => (long)seq), seqs);
    }

    [Fact]
    public async Task A_reset_drops_what_is_beyond_the_end_and_goes_on_from_there()
    {
        await using var world = new World();
        await world.Storage.WriteAsync("incarnation", World.Incarnation.ToString());
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);
        for (var seq = 1; seq <= 5; seq++)
            socket.Message(World.Talk, seq);
        await events.SeqsAsync(1, 2, 3, 4, 5);
        socket.Close(1001);
        socket = await world.NextSocketAsync();

        var other = Guid.NewGuid();
        socket.Welcome(incarnation: other);
        socket.Synced();
        var sync = await socket.NextAsync("sync");
        Assert.Equal(5, sync.GetProperty("conversations").GetProperty(World.Talk.ToString()).GetInt64());
        Assert.Equal(ClientStatus.CatchingUp, world.Client.State.Status);
        socket.Say($$"""{"op":"reset","conversation_id":"{{World.Talk}}","last_seq":3,"incarnation":"{{other}}"}""");
        socket.Synced();
        socket.Message(World.Talk, 4, text: "another one");

        await events.UntilAsync(_ => events.Seqs.Count == 6, "the new entry");
        Assert.Equal([1, 2, 3, 4, 5, 4], events.Seqs);
        Assert.Equal(3, Assert.Single(events.Seen.OfType<ConversationReset>()).LastSeq);
        await world.BecomesAsync(ClientStatus.Live);
        Assert.Equal(other.ToString(), await world.Storage.ReadAsync("incarnation"));
    }

    [Fact]
    public async Task A_reset_while_nobody_listens_comes_to_the_next_listener_before_the_entries_after_it()
    {
        await using var world = new World();
        var socket = await ResetAsync(world);
        socket.Message(World.Talk, 4);
        await socket.TakenAsync();

        await using var events = await Events.OfAsync(world.Client);
        await socket.NextAsync("sync");
        socket.Message(World.Talk, 4);
        socket.Synced();

        await events.SeqsAsync(4);
        Assert.Equal(
            ["ConversationReset", "MessageReceived"],
            events.Seen.Where(e => e is ConversationReset or MessageReceived).Select(e => e.GetType().Name));
    }

    [Fact]
    public async Task A_reset_at_which_a_loop_is_left_comes_again_and_one_that_was_taken_does_not()
    {
        await using var world = new World();
        var socket = await ResetAsync(world);
        await foreach (var e in world.Client.EventsAsync())
        {
            if (e is ConversationReset)
                break;
        }

        await using (var second = await Events.OfAsync(world.Client))
        {
            await second.UntilAsync(seen => seen.OfType<ConversationReset>().Any(), "it comes again");
            socket.Say(
                $$"""{"op":"typing","conversation_id":"{{World.Talk}}","user_id":"{{World.Ben}}","active":true}""");
            await second.UntilAsync(seen => seen.OfType<TypingReceived>().Any(), "it is taken");
        }

        await using var third = await Events.OfAsync(world.Client);
        await world.Client.CloseAsync(); // Its event comes after all that waited.
        await third.UntilAsync(
            seen => seen.OfType<StateChanged>().Any(e => e.State.Status == ClientStatus.Idle), "the end");
        Assert.Empty(third.Seen.OfType<ConversationReset>());
    }

    [Fact]
    public async Task A_reset_reaches_a_listener_that_is_full_and_holds_up_nobody()
    {
        await using var world = new World(eventsMax: 2);
        var socket = await world.LiveAsync();
        using var go = new SemaphoreSlim(0);
        var seen = new List<ChatEvent>();
        var reading = Task.Run(async () =>
        {
            await foreach (var e in world.Client.EventsAsync())
            {
                if (e is not (MessageReceived or ConversationReset))
                    continue;
                await go.WaitAsync();
                seen.Add(e);
                if (seen.Count == 4)
                    return;
            }
        });
        await Wait.UntilAsync(() => world.Client.Parts.Hub.HasRoom, "somebody listens");
        socket.Message(World.Talk, 1);
        socket.Message(World.Talk, 2);
        socket.Say($$"""{"op":"reset","conversation_id":"{{World.Talk}}","last_seq":1}""");
        socket.Say($$"""{"op":"reset","conversation_id":"{{World.Talk}}","last_seq":0}""");
        await socket.TakenAsync();
        socket.Message(World.Talk, 1, text: "another one");
        go.Release(4);

        await reading.WaitAsync(Wait.Most);
        Assert.Equal([1, 2, 1], seen.OfType<MessageReceived>().Select(e => e.Seq));
        Assert.Equal(0, Assert.IsType<ConversationReset>(seen[2]).LastSeq);
    }

    [Fact]
    public async Task An_event_at_which_one_loop_is_left_is_confirmed_by_the_others()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        var left = Task.Run(async () =>
        {
            await foreach (var e in world.Client.EventsAsync())
            {
                if (e is MessageReceived)
                    break;
            }
        });
        await Wait.UntilAsync(() => world.Client.Parts.Hub.HasRoom, "somebody listens");
        await using var events = await Events.OfAsync(world.Client);

        socket.Message(World.Talk, 1);
        await left.WaitAsync(Wait.Most);

        Assert.Equal(World.Talk, await DeliveredAsync(world, socket, 1));
    }

    [Fact]
    public async Task What_was_taken_is_known_after_a_restart()
    {
        var storage = new MemoryStorage();
        await using (var before = new World(storage))
        {
            var socket = await before.LiveAsync();
            await using var events = await Events.OfAsync(before.Client);
            socket.Message(World.Talk, 1);
            socket.Message(World.Talk, 2);
            await DeliveredAsync(before, socket, 2);
        }

        await using var after = new World(storage);
        await using var later = await Events.OfAsync(after.Client);
        await after.SignedInAsync();
        _ = after.Client.ConnectAsync();
        var again = await after.Server.OpenedAsync();
        again.Welcome();
        again.Message(World.Talk, 2);
        again.Message(World.Talk, 3);
        again.Synced();

        await later.SeqsAsync(3);
    }

    [Fact]
    public async Task Reads_are_merged_sent_when_there_is_a_connection_and_again_where_they_may_be_lost()
    {
        await using var world = new World();
        await world.SignedInAsync();
        foreach (var seq in (long[])[3, 9, 5])
            await world.Conversation.MarkReadAsync(seq);
        var socket = await world.LiveAsync();

        Assert.Equal(9, (await socket.NextAsync("read")).GetProperty("seq").GetInt64());
        await socket.NextAsync("ping");
        Assert.DoesNotContain(socket.Waiting(), frame => frame.GetProperty("op").GetString() == "read");
        socket.Close(null);
        socket = await world.NextSocketAsync();
        socket.Welcome();
        socket.Synced();
        Assert.Equal(9, (await socket.NextAsync("read")).GetProperty("seq").GetInt64());
        Pong(socket, await socket.NextAsync("ping"));
        socket.Close(null); // The pong says that the read has arrived, not that it was carried out.
        socket = await world.NextSocketAsync();
        socket.Welcome();
        socket.Synced();
        Assert.Equal(9, (await socket.NextAsync("read")).GetProperty("seq").GetInt64());
        Pong(socket, await socket.NextAsync("ping"));
        await socket.TakenAsync();
        for (var passed = 0; passed < 60; passed += 20) // Long enough for a refusal.
        {
            world.Time.Advance(TimeSpan.FromSeconds(20));
            socket.Say("""{"op":"alive"}""");
            await socket.TakenAsync();
        }

        socket.Close(null);
        socket = await world.NextSocketAsync();
        socket.Welcome();
        socket.Synced();
        await world.BecomesAsync(ClientStatus.Live);
        world.Time.Advance(TimeSpan.FromSeconds(25));
        Assert.DoesNotContain("read", await world.OpsDueAsync(socket));
    }

    [Theory]
    [InlineData("read", 503, true)]
    [InlineData("read", 429, true)]
    [InlineData("read", 404, false)]
    [InlineData("delivered", 503, true)]
    [InlineData("delivered", 404, false)]
    public async Task A_refused_receipt_is_sent_again_where_that_can_help(string op, int status, bool again)
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);
        if (op == "read")
            await world.Conversation.MarkReadAsync(5);
        else
            socket.Message(World.Talk, 5);
        var receipt = await socket.NextAsync(op);
        if (op == "read") // The answer to the ping says nothing of the read before it.
            Pong(socket, await socket.NextAsync("ping"));

        socket.Refuse(receipt, status, "refused");
        await socket.TakenAsync();
        Assert.DoesNotContain(op, await world.OpsDueAsync(socket));
        world.Time.Advance(TimeSpan.FromSeconds(2));

        if (again)
        {
            var second = await socket.NextAsync(op);
            Assert.Equal(5, second.GetProperty("seq").GetInt64());
            Assert.Equal(World.Talk, second.GetProperty("conversation_id").GetGuid());
            return;
        }

        Assert.DoesNotContain(op, await world.OpsDueAsync(socket));
        socket.Close(null);
        socket = await world.NextSocketAsync();
        socket.Welcome();
        socket.Synced();
        await world.BecomesAsync(ClientStatus.Live);
        Assert.DoesNotContain(op, await world.OpsDueAsync(socket));
    }

    [Fact]
    public void A_read_that_was_refused_gives_way_to_a_later_one_and_hides_no_earlier_one()
    {
        var reads = new Confirmations();
        Confirmation Read(long seq) => new(Confirmation.Read, World.Talk, seq);
        reads.Read(World.Talk, 5);
        reads.Take(1);
        reads.Read(World.Talk, 9);
        Assert.Equal([Read(9)], reads.Take(1).Read);

        reads.Refused(Read(5), again: true);
        Assert.False(reads.Any);
        reads.Disconnected();
        Assert.Equal([Read(9)], reads.Take(1).Read);

        reads.Refused(Read(9), again: false); // Beyond the end, say.
        Assert.True(reads.Read(World.Talk, 7));
        Assert.Equal([Read(7)], reads.Take(1).Read);
    }

    /// <summary>Waits until everything up to a seq is confirmed; the client merges what comes close together.</summary>
    private static async Task<Guid> DeliveredAsync(World world, FakeSocket socket, long seq)
    {
        var confirmed = socket.NextAsync("delivered");
        while (true)
        {
            if (await Task.WhenAny(confirmed, Task.Delay(20)) != confirmed)
            {
                world.Time.Advance(TimeSpan.FromMilliseconds(100));
                continue;
            }

            var frame = await confirmed;
            if (frame.GetProperty("seq").GetInt64() >= seq)
                return frame.GetProperty("conversation_id").GetGuid();
            confirmed = socket.NextAsync("delivered");
        }
    }

    /// <summary>A live client with 5 entries of a conversation in its store, of which the server has lost 2.</summary>
    private static async Task<FakeSocket> ResetAsync(World world)
    {
        await world.Storage.WriteAsync("incarnation", World.Incarnation.ToString());
        await world.Storage.WriteAsync(Positions.Prefix + World.Talk, "5");
        await world.SignedInAsync();
        var connecting = world.Client.ConnectAsync();
        var socket = await world.Server.OpenedAsync();
        socket.Welcome(incarnation: Guid.NewGuid());
        socket.Synced();
        await socket.NextAsync("sync");
        socket.Say($$"""{"op":"reset","conversation_id":"{{World.Talk}}","last_seq":3}""");
        socket.Synced();
        await connecting.WaitAsync(Wait.Most);
        return socket;
    }

    private static void Pong(FakeSocket socket, System.Text.Json.JsonElement ping) =>
        socket.Say($$"""{"op":"pong","id":"{{ping.GetProperty("id").GetString()}}"}""");

    private static string AskedBy(System.Text.Json.JsonElement sync) =>
        Assert.Single(sync.GetProperty("conversations").EnumerateObject()).Name;

    private static async Task AdvanceUntilAsync(World world, Func<bool> holds)
    {
        for (var turn = 0; turn < 200 && !holds(); turn++)
        {
            world.Time.Advance(TimeSpan.FromMilliseconds(500));
            await Task.Delay(5);
        }

        Assert.True(holds());
    }
}
