using ChatCqrs.Client.Sending;
using ChatCqrs.Client.Specs.Fakes;

namespace ChatCqrs.Client.Specs;

/// <summary>
/// A message that was written arrives once, under one id, in the order of writing, whatever is lost on the way.
/// </summary>
public sealed class OutboxSpecs
{
    [Fact]
    public async Task Messages_of_a_conversation_go_one_after_another()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        var messages = new List<OutgoingMessage>();
        for (var i = 0; i < 5; i++)
            messages.Add(await world.Conversation.SendAsync($"{i}"));

        for (var i = 0; i < 5; i++)
        {
            var frame = await socket.NextAsync("send");
            Assert.Equal(messages[i].Id, frame.GetProperty("message_id").GetGuid());
            Assert.Equal($"{i}", frame.GetProperty("text").GetString());
            Assert.Empty(socket.Waiting());
            socket.Ack(messages[i].Id, World.Talk, i + 1);
            Assert.Equal(i + 1, (await messages[i].Acked.WaitAsync(Wait.Most)).Seq);
            Assert.Equal(OutgoingStatus.Sent, messages[i].Status);
        }

        Assert.Empty(world.Client.Outbox);
        Assert.Empty(await world.Storage.KeysAsync(Outbox.Prefix));
    }

    [Fact]
    public async Task A_message_whose_ack_is_lost_is_sent_again_under_its_id_before_later_ones()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        var first = await world.Conversation.SendAsync("first");
        var second = await world.Conversation.SendAsync("second");
        await socket.NextAsync("send");

        for (var lost = 0; lost < 3; lost++)
        {
            socket.Close(null);
            socket = await world.NextSocketAsync();
            socket.Welcome();
            socket.Synced();
            Assert.Equal(first.Id, (await socket.NextAsync("send")).GetProperty("message_id").GetGuid());
        }

        socket.Ack(first.Id, World.Talk, 1);
        Assert.Equal(second.Id, (await socket.NextAsync("send")).GetProperty("message_id").GetGuid());
        Assert.Equal(1, (await first.Acked.WaitAsync(Wait.Most)).Seq);
    }

    [Fact]
    public async Task A_message_that_came_as_a_message_is_acknowledged_once_however_often_it_is_answered()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);
        var message = await world.Conversation.SendAsync("hello");
        await socket.NextAsync("send");

        socket.Message(World.Talk, 4, message.Id);
        socket.Ack(message.Id, World.Talk, 4);
        socket.Ack(message.Id, World.Talk, 4);
        socket.Message(World.Talk, 5);

        await events.SeqsAsync(4, 5);
        Assert.Equal(4, (await message.Acked.WaitAsync(Wait.Most)).Seq);
        Assert.Single(events.Seen.OfType<OutgoingChanged>(), e => e.Status == OutgoingStatus.Sent);
    }

    [Fact]
    public async Task A_message_that_is_not_answered_on_a_living_socket_is_sent_again()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        var message = await world.Conversation.SendAsync("hello");
        await socket.NextAsync("send");

        world.Time.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal(message.Id, (await socket.NextAsync("send")).GetProperty("message_id").GetGuid());
    }

    [Theory]
    [InlineData(408, "request_timeout")]
    [InlineData(429, "rate_limited")]
    [InlineData(500, "internal_error")]
    [InlineData(503, "store_unavailable")]
    [InlineData(401, "token_expired")]
    public async Task What_is_refused_for_now_is_sent_again_under_its_id(int status, string code)
    {
        await using var world = new World(random: 0.5);
        var socket = await world.LiveAsync();
        var first = await world.Conversation.SendAsync("first");
        await world.Conversation.SendAsync("second");
        await socket.NextAsync("send");

        socket.Refuse(first.Id.ToString(), status, code);
        await Wait.UntilAsync(() => first.Status == OutgoingStatus.Queued, "it waits");
        Assert.Equal(code, first.Error?.Code);
        world.Time.Advance(TimeSpan.FromSeconds(0.25) - TimeSpan.FromMilliseconds(1));
        Assert.DoesNotContain(socket.Waiting(), frame => frame.GetProperty("op").GetString() == "send");
        world.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(first.Id, (await socket.NextAsync("send")).GetProperty("message_id").GetGuid());
    }

    [Fact]
    public async Task What_is_refused_for_good_is_parked_and_the_next_one_goes()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        var first = await world.Conversation.SendAsync("first");
        var second = await world.Conversation.SendAsync("second");
        await socket.NextAsync("send");

        socket.Refuse(first.Id.ToString(), 403, "blocked");

        Assert.Equal(second.Id, (await socket.NextAsync("send")).GetProperty("message_id").GetGuid());
        var refused = await Assert.ThrowsAsync<ChatException>(() => first.Acked.WaitAsync(Wait.Most));
        Assert.Equal(("blocked", 403, false), (refused.Code, refused.Status, refused.Retryable));
        Assert.Equal(OutgoingStatus.Parked, first.Status);

        // It keeps its id when its person sends it again.
        socket.Ack(second.Id, World.Talk, 1);
        var again = await first.RetryAsync();
        Assert.Equal(first.Id, again.Id);
        Assert.Equal(first.Id, (await socket.NextAsync("send")).GetProperty("message_id").GetGuid());
        socket.Ack(first.Id, World.Talk, 2);
        Assert.Equal(2, (await again.Acked.WaitAsync(Wait.Most)).Seq);
        Assert.Empty(await world.Storage.KeysAsync(Outbox.Prefix));
    }

    [Fact]
    public async Task One_conversation_that_waits_holds_up_no_other()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        var other = Guid.NewGuid();
        var stuck = await world.Conversation.SendAsync("stuck");
        await socket.NextAsync("send");
        socket.Refuse(stuck.Id.ToString(), 429, "rate_limited");

        var free = await world.Client.Conversation(other).SendAsync("free");

        Assert.Equal(free.Id, (await socket.NextAsync("send")).GetProperty("message_id").GetGuid());
    }

    [Fact]
    public async Task What_was_never_sent_can_be_taken_back_and_what_may_have_arrived_cannot()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        var first = await world.Conversation.SendAsync("first");
        var second = await world.Conversation.SendAsync("second");
        var third = await world.Conversation.SendAsync("third");
        await socket.NextAsync("send");

        Assert.False(await first.CancelAsync());
        Assert.True(await second.CancelAsync());
        Assert.False(await second.CancelAsync());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second.Acked);
        socket.Ack(first.Id, World.Talk, 1);

        Assert.Equal(third.Id, (await socket.NextAsync("send")).GetProperty("message_id").GetGuid());
        Assert.Equal(OutgoingStatus.Cancelled, second.Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_waits_survives_a_restart_in_its_order_also_when_the_clock_is_set_back(bool inFiles)
    {
        using var folder = new Folder();
        IChatStorage Store(IChatStorage? same) => inFiles ? new FileStorage(folder.Path) : same ?? new MemoryStorage();
        var storage = Store(null);
        var time = new SetClock();
        var ids = new List<Guid>();
        await using (var before = new World(storage, time: time))
        {
            var socket = await before.LiveAsync();
            for (var i = 0; i < 3; i++)
                ids.Add((await before.Conversation.SendAsync($"{i}")).Id);
            await socket.NextAsync("send");
            var parked = await before.Client.Conversation(World.Ben).SendAsync("parked");
            await socket.NextAsync("send");
            socket.Refuse(parked.Id.ToString(), 403, "blocked");
            await Wait.UntilAsync(() => parked.Status == OutgoingStatus.Parked, "it is parked");
            await Wait.UntilAsync(() => Stored(storage).Contains("blocked"), "the reason is stored");
        }

        time.Wrong = TimeSpan.FromHours(-1);
        await using var after = new World(Store(storage), time: time);
        var again = await after.LiveAsync();
        ids.Add((await after.Conversation.SendAsync("later")).Id);
        Assert.Equal("blocked", Assert.Single(
            after.Client.Outbox, message => message.Status == OutgoingStatus.Parked).Error?.Code);
        for (var i = 0; i < ids.Count; i++)
        {
            Assert.Equal(ids[i], (await again.NextAsync("send")).GetProperty("message_id").GetGuid());
            again.Ack(ids[i], World.Talk, i + 1);
        }
    }

    [Fact]
    public async Task Messages_can_be_written_without_a_connection_and_without_end_until_the_outbox_is_full()
    {
        await using var world = new World(outboxMax: 3);
        await world.SignedInAsync();
        for (var i = 0; i < 3; i++)
            Assert.Equal(OutgoingStatus.Queued, (await world.Conversation.SendAsync($"{i}")).Status);

        var full = await Assert.ThrowsAsync<ChatException>(() => world.Conversation.SendAsync("one more"));
        Assert.Equal(ErrorCode.OutboxFull, full.Code);
        Assert.Equal(3, (await world.Storage.KeysAsync(Outbox.Prefix)).Count);

        var large = await Assert.ThrowsAsync<ChatException>(
            () => world.Conversation.SendAsync(new string('x', 600 * 1024)));
        Assert.Equal(ErrorCode.FrameTooLarge, large.Code);
    }

    [Fact]
    public async Task What_one_person_left_is_not_sent_by_the_next_one()
    {
        var storage = new MemoryStorage();
        await using (var before = new World(storage))
        {
            await before.SignedInAsync();
            await before.Conversation.SendAsync("Ada's");
        }

        await storage.WriteAsync("owner", Guid.NewGuid().ToString());
        await using var after = new World(storage);
        await after.SignedInAsync();

        Assert.True(await after.Client.IsSignedInAsync());
        Assert.Empty(after.Client.Outbox);
        Assert.Empty(await storage.KeysAsync(Outbox.Prefix));
    }

    [Fact]
    public async Task An_ack_counts_also_where_the_store_cannot_forget_the_message()
    {
        var storage = new TroubledStorage
        {
            Fails = (key, value) => key.StartsWith(Outbox.Prefix, StringComparison.Ordinal) && value is null,
        };
        await using var world = new World(storage);
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);
        var message = await world.Conversation.SendAsync("hello");
        await socket.NextAsync("send");

        socket.Ack(message.Id, World.Talk, 1);

        Assert.Equal(1, (await message.Acked.WaitAsync(Wait.Most)).Seq);
        await events.UntilAsync(
            seen => seen.OfType<OutgoingChanged>().Any(e => e.Status == OutgoingStatus.Sent), "it is told");
    }

    [Fact]
    public async Task A_refusal_is_told_also_where_the_store_cannot_keep_it()
    {
        var storage = new TroubledStorage();
        await using var world = new World(storage);
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);
        var message = await world.Conversation.SendAsync("hello");
        await socket.NextAsync("send");
        storage.Fails = (key, _) => key.StartsWith(Outbox.Prefix, StringComparison.Ordinal);

        socket.Refuse(message.Id.ToString(), 403, "blocked");

        await events.UntilAsync(
            seen => seen.OfType<OutgoingChanged>().Any(e => e.Status == OutgoingStatus.Parked), "it is told");
    }

    [Fact]
    public async Task A_parked_message_that_the_store_does_not_take_again_stays_parked()
    {
        var storage = new TroubledStorage();
        await using var world = new World(storage);
        var socket = await world.LiveAsync();
        var message = await world.Conversation.SendAsync("hello");
        await socket.NextAsync("send");
        socket.Refuse(message.Id.ToString(), 403, "blocked");
        await Assert.ThrowsAsync<ChatException>(() => message.Acked.WaitAsync(Wait.Most));
        await socket.TakenAsync();

        storage.Fails = (key, _) => key.StartsWith(Outbox.Prefix, StringComparison.Ordinal);
        await Assert.ThrowsAsync<IOException>(() => message.RetryAsync());
        Assert.Same(message, Assert.Single(world.Client.Outbox));
        Assert.Equal(OutgoingStatus.Parked, message.Status);

        storage.Fails = (_, _) => false;
        var again = await message.RetryAsync();
        Assert.Equal(message.Id, (await socket.NextAsync("send")).GetProperty("message_id").GetGuid());
        socket.Ack(again.Id, World.Talk, 1);
        await again.Acked.WaitAsync(Wait.Most);
        await socket.TakenAsync();
        Assert.Empty(await storage.KeysAsync(Outbox.Prefix));
    }

    [Fact]
    public async Task A_message_that_was_taken_back_is_removed_from_the_store_whoever_gives_up_waiting()
    {
        var storage = new TroubledStorage();
        await using var world = new World(storage);
        await world.SignedInAsync();
        var message = await world.Conversation.SendAsync("hello");
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        Assert.True(await message.CancelAsync(cancelled.Token));

        Assert.Empty(await storage.KeysAsync(Outbox.Prefix));
    }

    [Fact]
    public void Ids_are_of_version_7_and_grow_also_when_the_clock_goes_back()
    {
        var time = new SetClock();
        var ids = new MessageIds(time);
        var made = new List<Guid>();
        for (var i = 0; i < 10_000; i++)
        {
            time.Wrong = TimeSpan.FromHours(i % 2 == 0 ? 1 : -1);
            made.Add(ids.Next());
        }

        Assert.Equal(made.Count, made.Distinct().Count());
        Assert.Equal(made.Select(id => id.ToString()).Order(StringComparer.Ordinal), made.Select(id => id.ToString()));
        Assert.All(made, id => Assert.Equal((7, 8), (id.Version, id.Variant & 0xC)));
        var stamp = Convert.ToInt64(made[0].ToString("n")[..12], 16);
        Assert.Equal(time.GetUtcNow().AddHours(2).ToUnixTimeMilliseconds(), stamp);
    }

    private static string Stored(IChatStorage storage)
    {
        var keys = storage.KeysAsync(Outbox.Prefix).AsTask().GetAwaiter().GetResult();
        return string.Concat(keys.Select(key => storage.ReadAsync(key).AsTask().GetAwaiter().GetResult()));
    }
}
