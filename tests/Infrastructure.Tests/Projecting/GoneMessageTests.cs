using ChatCqrs.Application;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Holds;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Sweeping;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Infrastructure.ReadModels;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>
/// Messages that are gone have one narrow row each, which answers what their wide rows did: timelines without a gap,
/// retries, unread counts, the order of inboxes.
/// </summary>
public sealed class GoneMessageTests : ProjectingTest
{
    /// <summary>What may stay of a message for ever, in bytes, indexes included.</summary>
    private const int BytesMax = 200;

    private readonly UserId[] _users = [.. Enumerable.Range(0, 5).Select(_ => History.SomeUser())];

    private UserId Ann => _users[0];

    private UserId Ben => _users[1];

    private UserId Cid => _users[2];

    /// <summary>
    /// Beside a node that folds the whole history and never sweeps. The log in memory hands truncated events out.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Over_random_histories_no_answer_changes(int seed)
    {
        var history = new History(Log, seed);
        await using var node = await StartNodeAsync();
        for (var round = 0; round < 3; round++)
        {
            await history.HappenAsync(_users, 250);
            foreach (var (conversation, _) in history.Conversations.Where(pair => pair.Value.MemberIds.Length > 0))
            {
                var messages = history.MessagesOf(conversation).Select(fact => fact.Revision).ToList();
                await history.ExpireAsync(conversation, [.. messages.Take(messages.Count * 2 / 3)]);
            }

            await node.CaughtUpAsync(history.Head);
            var before = await AnswersAsync(node, history);
            Assert.True(await MoveAllAsync(node, history, limit: 7) > 0);
            Assert.Equal(before, await AnswersAsync(node, history));
        }

        await history.HappenAsync(_users, 100);
        await node.CaughtUpAsync(history.Head);

        await using var database = await TestDatabase.CreateAsync();
        await using var other = await Node.StartAsync(database, Log);
        await other.CaughtUpAsync(history.Head);
        Assert.Equal(await AnswersAsync(other, history), await AnswersAsync(node, history));
        var messagesEver = history.Facts.Count(fact => fact.Event is ConversationEvent.MessageSent);
        Assert.Equal(
            messagesEver,
            await Views.NumberAsync(
                "SELECT (SELECT count(*) FROM chat.message_ids) + (SELECT count(*) FROM chat.gone_messages)"));
        Assert.InRange(
            await Views.NumberAsync("SELECT count(*) FROM chat.gone_messages"), messagesEver / 4, messagesEver);
    }

    [Fact]
    public async Task All_places_before_the_start_of_a_log_are_moved_but_each_authors_last()
    {
        var (history, conversation) = await GoneAsync();
        await using var node = await StartNodeAsync();
        await node.CaughtUpAsync(history.Head);

        Assert.Equal(4, await MoveAllAsync(node, history, limit: 7)); // 22 messages, seven at once.

        Assert.Equal(["timeline 23", "timeline 24"], await WideAsync("seq < 25 AND expired_at IS NOT NULL"));
        Assert.Equal(22, await Views.NumberAsync("SELECT count(*) FROM chat.gone_messages"));
        Assert.Equal(2, await Views.NumberAsync("SELECT count(*) FROM chat.gone_authors"));
        Assert.Empty(await node.Get<IExpiry>().TruncatedAsync(null, 10, default));

        await history.ExpireAsync(conversation, 25, 26, 27);
        await node.CaughtUpAsync(history.Head);
        await MoveAllAsync(node, history);
        Assert.Equal(["timeline 26", "timeline 27"], await WideAsync("seq < 28 AND expired_at IS NOT NULL"));

        Task<List<string>> WideAsync(string where) =>
            Views.TextsAsync($"SELECT 'timeline ' || seq FROM chat.timeline WHERE {where} ORDER BY seq");
    }

    [Fact]
    public async Task Two_sweeps_at_once_move_each_message_once()
    {
        var (history, _) = await GoneAsync();
        await using var node = await StartNodeAsync();
        await using var second = await StartNodeAsync();
        await node.CaughtUpAsync(history.Head);
        var before = await AnswersAsync(node, history);
        await TrimAsync(node);

        await Task.WhenAll(MoveAsync(node, limit: 3), MoveAsync(second, limit: 3), MoveAsync(node, limit: 2));

        Assert.Equal(22, await Views.NumberAsync("SELECT count(*) FROM chat.gone_messages"));
        Assert.Equal(before, await AnswersAsync(second, history));
    }

    [Fact]
    public async Task While_a_rebuild_copies_rows_none_is_moved()
    {
        var (history, conversation) = await GoneAsync();
        await using var node = await StartNodeAsync();
        await node.CaughtUpAsync(history.Head);
        await TrimAsync(node);
        await using (var rebuild = new NpgsqlConnection($"{Database.ConnectionString};Pooling=false"))
        {
            await rebuild.OpenAsync();
            await LogStarts.HoldAsync(rebuild, default);
            Assert.False(await node.Get<IExpiry>().MoveGoneAsync(conversation, 500, default));
            Assert.Equal(0, await Views.NumberAsync("SELECT count(*) FROM chat.gone_messages"));
        }

        Assert.Equal([conversation], await node.Get<IExpiry>().TruncatedAsync(null, 10, default));
        await Eventually.IsTrue(
            async () =>
            {
                await node.Get<IExpiry>().MoveGoneAsync(conversation, 500, default);
                return await Views.NumberAsync("SELECT count(*) FROM chat.gone_messages") == 22;
            },
            "the messages are moved once the rebuild's session has ended");
    }

    [Fact]
    public async Task An_id_that_was_used_twice_at_once_stays_the_first_messages_also_after_a_rebuild()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var (first, second) = (await history.StartAsync(Ann, Ben), await history.StartAsync(Ann, Cid));
        var id = new MessageId(Guid.CreateVersion7());
        foreach (var conversation in new[] { first, second })
        {
            await history.TryAsync(conversation, Ann, new ConversationCommand.SendMessage(
                id, Ann, history.Devices[0], MessageType.Text, History.Sealed(), new Fingerprint(7), null, null));
            await history.SendAsync(conversation, Ann);
        }

        await node.CaughtUpAsync(history.Head);
        var expected = await FoundAsync();
        Assert.Equal([$"{first} 1", $"{first} 1", ""], expected);
        await history.ExpireAsync(first, 1, 2);
        await history.SendAsync(first, Ann);
        await node.CaughtUpAsync(history.Head);
        await MoveAllAsync(node, history);
        Assert.Equal(1, await Views.NumberAsync("SELECT count(*) FROM chat.gone_messages"));
        Assert.Equal(expected, await FoundAsync());
        await RebuildAsync(node);
        Assert.Equal(expected, await FoundAsync());

        await history.ExpireAsync(second, 1, 2);
        await node.CaughtUpAsync(history.Head);
        await MoveAllAsync(node, history);
        Assert.Equal(1, await Views.NumberAsync("SELECT count(*) FROM chat.gone_messages WHERE fingerprint IS NULL"));
        Assert.Equal(expected, await FoundAsync());

        // The sender's own, and what others find under the id in each conversation.
        async Task<List<string>> FoundAsync() =>
            [await FindAsync(Ann, null), await FindAsync(Ben, first), await FindAsync(Cid, second)];

        async Task<string> FindAsync(UserId sender, ConversationId? conversation) => string.Join(
            ", ",
            (await node.Get<ISentMessages>().FindAsync([(sender, id)], conversation, default))
                .Select(sent => $"{sent.Conversation} {sent.Seq}"));
    }

    [Fact]
    public async Task What_comes_after_a_message_went_changes_neither_its_wide_row_nor_its_narrow_one()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var conversation = await history.StartAsync(Ann, Ben);
        await history.SendAsync(conversation, Ann);
        var facts = history.FactsOf(history.Facts[^1], Ann);
        await history.SendAsync(conversation, Ann);
        await history.ExpireAsync(conversation, 1, 2);
        await node.CaughtUpAsync(history.Head);
        var gone = await EntryAsync();

        await ChangeAsync("👍"); // Decided by a view from before it went.
        Assert.Equal(gone, await EntryAsync());
        await MoveAllAsync(node, history);
        Assert.Equal(1, await Views.NumberAsync("SELECT count(*) FROM chat.gone_messages"));
        await ChangeAsync("🎉");
        Assert.Equal(gone, await EntryAsync());
        Assert.Equal(0, await Views.NumberAsync("SELECT count(*) FROM chat.timeline WHERE seq = 1"));

        async Task<string> EntryAsync() =>
            $"{(await node.Get<ITimeline>().EntriesAsync(conversation, 0, 1, default))[0]}";

        async Task ChangeAsync(string emoji)
        {
            var last = history.Conversations[conversation].LastSeq;
            await history.TryAsync(conversation, Ben, new ConversationCommand.SetReaction(Ben, facts, emoji));
            await history.TryAsync(conversation, Ann, new ConversationCommand.EditMessage(
                Ann, facts, History.Sealed(), new Fingerprint((UInt128)last), Unchanged: false));
            Assert.Equal(last + 2, history.Conversations[conversation].LastSeq);
            await node.CaughtUpAsync(history.Head);
        }
    }

    [Fact]
    public async Task A_message_that_was_deleted_and_replied_to_another_is_a_place_like_any_other_once_it_went()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var conversation = await history.StartAsync(Ann, Ben);
        var first = await history.SendAsync(conversation, Ann);
        await history.TryAsync(conversation, Ann, new ConversationCommand.SendMessage(
            new MessageId(Guid.CreateVersion7()), Ann, history.Devices[0], MessageType.Image, History.Sealed(),
            new Fingerprint(7), first, null, ReplySeq: 1));
        var facts = history.FactsOf(history.Facts[^1], Ann);
        await history.TryAsync(conversation, Ann, new ConversationCommand.DeleteMessage(Ann, facts));
        await history.SendAsync(conversation, Ann);
        await history.ExpireAsync(conversation, 1, 2, 4);
        await node.CaughtUpAsync(history.Head);
        var wide = await PlaceAsync();

        await MoveAllAsync(node, history);

        Assert.Equal(2, await Views.NumberAsync("SELECT count(*) FROM chat.gone_messages"));
        Assert.Equal((MessageType.Image, null, null), wide);
        Assert.Equal(wide, await PlaceAsync());

        async Task<(MessageType, MessageId?, DateTimeOffset?)> PlaceAsync()
        {
            var message = (await node.Get<ITimeline>().EntriesAsync(conversation, 1, 1, default))[0].Message!;
            return (message.Type, message.ReplyTo, message.DeletedAt);
        }
    }

    /// <summary>
    /// Conversation by conversation, as sweeps write them; ids in no order, which makes their index largest.
    /// </summary>
    [Fact]
    public async Task What_stays_of_a_message_is_small()
    {
        const int rows = 20_000;
        await using var node = await StartNodeAsync();
        await Views.ExecuteAsync(
            $"""
            INSERT INTO chat.gone_messages (conversation_id, seq, sent_at, expires_at, message_id, fingerprint, author, type)
            SELECT lpad((n / 200)::text, 32, '0')::uuid, n % 200, now(), now(), gen_random_uuid(), gen_random_uuid(), 1, 0 FROM generate_series(1, {rows}) n
            """);

        var bytes = await Views.NumberAsync("SELECT pg_total_relation_size('chat.gone_messages')") / rows;
        Assert.InRange(bytes, 100, BytesMax);
    }

    /// <summary>Truncates logs as far as they go, and moves what is gone.</summary>
    /// <returns>The number of steps.</returns>
    internal static async Task<int> MoveAllAsync(Node node, History history, int limit = 500)
    {
        Assert.True(await TrimAsync(node) > 0, $"Nothing is truncated up to {history.Head}.");
        return await MoveAsync(node, limit);
    }

    /// <summary>The part of the sweep that truncates logs.</summary>
    internal static Task<int> TrimAsync(Node node)
    {
        var (store, codec) = (node.Get<IEventStore>(), new EventCodec());
        var writer = new AuditWriter(store, codec, new ClockGuard(TimeProvider.System), TimeProvider.System);
        var keeping = new Keeping(new InMemoryHeld(), store, codec, node.ReadSide, NullLogger<Keeping>.Instance);
        return new LogTrimmer(
            node.Get<IExpiry>(), keeping, store, codec, node.Get<ISnapshots>(), new PublishedHeads(),
            new CutLog(writer, store, codec), TimeProvider.System, NullLogger<LogTrimmer>.Instance).TrimAsync(default);
    }

    /// <summary>The part of the sweep that moves gone messages.</summary>
    /// <returns>The number of steps.</returns>
    internal static async Task<int> MoveAsync(Node node, int limit)
    {
        var (expiry, steps) = (node.Get<IExpiry>(), 0);
        foreach (var conversation in await expiry.TruncatedAsync(null, 1_000, default))
        {
            do
                steps++;
            while (await expiry.MoveGoneAsync(conversation, limit, default));
        }

        return steps;
    }

    private static async Task RebuildAsync(Node node)
    {
        Assert.True(await node.Get<IProjections>().RebuildAsync("timeline", default));
        await Eventually.IsTrue(async () => await node.StateAsync("timeline") == "running", "the rebuild has ended");
    }

    /// <summary>A conversation of two whose first 24 messages are gone; three follow.</summary>
    private async Task<(History History, ConversationId Conversation)> GoneAsync()
    {
        var history = new History(Log);
        var conversation = await history.StartAsync(Ann, Ben);
        for (var n = 0; n < 27; n++)
            await history.SendAsync(conversation, n % 2 == 0 ? Ann : Ben);
        await history.ExpireAsync(conversation, [.. Enumerable.Range(1, 24).Select(seq => (long)seq)]);
        return (history, conversation);
    }

    /// <summary>
    /// Everything that the queries tell about the messages of a history, in the words of their records.
    /// </summary>
    private async Task<List<string>> AnswersAsync(Node node, History history)
    {
        var (timeline, inbox, answers) = (node.Get<ITimeline>(), node.Get<IInbox>(), new List<string>());
        foreach (var (conversation, state) in history.Conversations)
        {
            var entries = new List<string>();
            for (var after = -1L; after < state.LastSeq; after += 9)
            {
                var page = await timeline.EntriesAsync(conversation, after, 9, default);
                Assert.Equal(
                    Enumerable.Range(1, (int)Math.Min(9, state.LastSeq - after)).Select(n => after + n),
                    page.Select(entry => entry.Seq));
                entries.AddRange(page.Select(entry => $"{entry}"));
            }

            answers.AddRange(entries);
            var newest = await timeline.MessagesAsync(conversation, 0, null, null, 50, default);
            answers.AddRange(newest.Messages.Select(entry => $"{entry}"));
            foreach (var at in history.Facts.Where((_, n) => n % 40 == 0).Select(fact => fact.At))
            {
                var seq = await timeline.SeqAtAsync(conversation, 0, at, default);
                var first = await timeline.MessagesAsync(conversation, 0, seq - 1, null, 3, default);
                answers.AddRange(first.Messages.Select(entry => $"{at:O} {entry.Seq}"));
            }
        }

        foreach (var user in _users)
        {
            answers.AddRange((await inbox.PageAsync(user, null, 50, default)).Items.Select(Told));
            answers.AddRange((await timeline.UnreadAsync(user, null, 500, default)).Messages.Select(e => $"{e}"));
            foreach (var at in history.Facts.Where((_, n) => n % 40 == 0).Select(fact => fact.At))
            {
                var place = new InboxPlace(at, new ConversationId(Guid.AllBitsSet), at);
                answers.AddRange((await inbox.PageAsync(user, place, 50, default)).Items.Select(Told));
            }
        }

        foreach (var fact in history.Facts.Where(fact => fact.Event is ConversationEvent.MessageSent))
        {
            var sent = (ConversationEvent.MessageSent)fact.Event;
            var found = await node.Get<ISentMessages>().FindAsync([(sent.Sender, sent.MessageId)], null, default);
            Assert.Equal((fact.Conversation, fact.Revision), (found[0].Conversation, found[0].Seq));
            answers.AddRange(found.Select(each => $"{each}"));
            answers.AddRange((await node.Get<ISentMessages>().FindAsync(
                [(new UserId(Guid.AllBitsSet), sent.MessageId)], fact.Conversation, default)).Select(e => $"{e}"));
        }

        return answers;

        static string Told(InboxItem item) => $"{item.Conversation.Id} {item.Unread} {item.LastMessage} {item.Place}";
    }
}
