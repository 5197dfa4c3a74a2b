using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Retention;
using ChatCqrs.Infrastructure.Media;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Testing;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>
/// No list shows expired messages; removed messages keep only their place; a rebuild keeps what the log no longer has.
/// </summary>
public sealed class ExpiryTests : ProjectingTest
{
    private static readonly DateTimeOffset LongAgo = DateTimeOffset.Parse("2026-01-05T00:00:00Z", null);

    private readonly UserId _ann = History.SomeUser();
    private readonly UserId _ben = History.SomeUser();

    [Fact]
    public async Task What_is_due_is_in_no_list_whether_it_was_swept_or_not()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var conversation = await history.StartAsync(_ann, _ben);
        var kept = await history.SendAsync(conversation, _ann);
        var due = await history.SendAsync(conversation, _ann, LongAgo);
        await history.SendAsync(conversation, _ben, LongAgo);
        await history.SendAsync(conversation, _ann, LongAgo.AddMinutes(-1));
        await node.CaughtUpAsync(history.Head);

        await LookAsync(node, conversation, 1, kept, [1, 2, 3, 4], due);
        var found = Assert.Single(await node.Get<IExpiry>().DueAsync(LongAgo, [], 10, default));
        Assert.Equal((conversation, 4, 3), (found.Conversation, found.AsOf, found.Messages.Count));
        Assert.Equal(4, Assert.Single((await node.Get<IExpiry>().DueAsync(LongAgo, [], 1, default))[0].Messages).Seq);
        Assert.Empty(await node.Get<IExpiry>().DueAsync(LongAgo.AddDays(-1), [], 10, default));

        await history.ExpireAsync(conversation, 2, 3, 4);
        await node.CaughtUpAsync(history.Head);
        await LookAsync(node, conversation, 1, kept, [1, 2, 3, 4], due);
        Assert.Empty(await node.Get<IExpiry>().DueAsync(LongAgo, [], 10, default));
        Assert.Equal(1, await Views.NumberAsync("SELECT count(*) FROM chat.timeline WHERE content IS NOT NULL"));
    }

    [Fact]
    public async Task What_is_due_by_a_shorter_time_is_in_no_list_before_and_after_its_row_says_so()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var conversation = await history.StartAsync(_ann, _ben);
        var due = await history.SendAsync(conversation, _ann);
        await history.SendAsync(conversation, _ben);
        await history.SendAsync(conversation, _ann);
        await ChangeAsync(history, conversation, days: 7, timer: null, defaultDays: 400_000);
        var kept = await history.SendAsync(conversation, _ann);
        await history.SendAsync(conversation, _ben);
        await history.ExpireAsync(conversation, 6);
        await node.CaughtUpAsync(history.Head);

        await LookAsync(node, conversation, 5, kept, [1, 2, 3, 5, 6], due);
        Assert.Equal(1, await Views.NumberAsync("SELECT count(*) FROM chat.retention_rules"));
        Assert.Equal(2, await SettleAsync(node, limit: 2));
        await LookAsync(node, conversation, 5, kept, [1, 2, 3, 5, 6], due);
        Assert.Equal(0, await Views.NumberAsync("SELECT count(*) FROM chat.retention_rules"));
        var found = Assert.Single(await node.Get<IExpiry>().DueAsync(DateTimeOffset.UtcNow, [], 10, default));
        Assert.Equal([1, 2, 3], found.Messages.Select(message => message.Seq));
    }

    [Fact]
    public async Task What_has_gone_stays_gone_whatever_comes_after()
    {
        var history = new History(Log);
        var conversation = await history.StartAsync(_ann, _ben);
        await history.SendAsync(conversation, _ann);
        var sent = history.Facts[^1];
        var facts = history.FactsOf(sent, _ann);
        await history.ExpireAsync(conversation, 1);
        var content = new SealedContent(null, new byte[] { 1, 2, 3 });
        await history.TryAsync(conversation, _ann, new ConversationCommand.EditMessage(
            _ann, facts, content, new(7), Unchanged: false));
        await history.TryAsync(conversation, _ben, new ConversationCommand.SetReaction(_ben, facts, "👍"));
        await history.TryAsync(conversation, _ben, new ConversationCommand.SetVote(_ben, facts, Vote.Of([0])));
        await history.TryAsync(conversation, _ann, new ConversationCommand.DeleteMessage(_ann, facts));
        Assert.IsType<ConversationEvent.MessageDeleted>(history.Facts[^1].Event);
        await using (var node = await StartNodeAsync())
            await node.CaughtUpAsync(history.Head);
        var atOnce = await Views.DumpAsync();
        var message = atOnce.Single(row => row.StartsWith("timeline", StringComparison.Ordinal)
            && row.Contains("message_id\": \"", StringComparison.Ordinal));
        Assert.Contains("expired_at", message, StringComparison.Ordinal);
        Assert.Equal(0, await Views.NumberAsync(
            """
            SELECT count(*) FROM chat.timeline
            WHERE content IS NOT NULL OR reactions IS NOT NULL OR votes IS NOT NULL OR edited_at IS NOT NULL OR deleted_at IS NOT NULL
            """));
    }

    [Fact]
    public async Task A_shorter_time_holds_for_what_is_shown_of_earlier_messages_too()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var conversation = await history.StartAsync(_ann, _ben);
        await history.SendAsync(conversation, _ann);
        await history.SendAsync(conversation, _ann, history.Facts[^1].At.AddMinutes(1));
        await history.SendAsync(conversation, _ann, history.Facts[^1].At.AddHours(2));
        foreach (var seconds in new[] { 7_300, 3_600 })
        {
            var policy = new RetentionPolicy(null, seconds);
            await history.TryAsync(conversation, _ann, new ConversationCommand.ChangeRetention(_ann, policy, 30));
        }

        await history.SendAsync(conversation, _ann);
        await node.CaughtUpAsync(history.Head);

        var entries = await node.Get<ITimeline>().EntriesAsync(conversation, 0, 50, default);
        await SettleAsync(node, limit: 500);
        var settled = await node.Get<ITimeline>().EntriesAsync(conversation, 0, 50, default);
        Assert.Equal(
            entries.Select(entry => entry.Message?.ExpiresAt), settled.Select(entry => entry.Message?.ExpiresAt));
        Assert.True(entries[0].Message!.ExpiresAt > entries[0].At.AddDays(30)); // No timer.
        Assert.True(entries[1].Message!.ExpiresAt < entries[1].At.AddHours(1)); // A shorter timer.
        Assert.Equal(entries[2].At.AddHours(1), entries[2].Message!.ExpiresAt);
        Assert.True(entries[5].Message!.ExpiresAt > entries[5].At.AddDays(30));
        var due = await node.Get<IExpiry>().DueAsync(DateTimeOffset.UtcNow, [], 10, default);
        Assert.Equal([2, 3], due.SelectMany(each => each.Messages).Select(message => message.Seq).Order());
    }

    [Fact]
    public async Task The_file_of_a_message_is_nobodys_from_the_shorter_time_on()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var conversation = await history.StartAsync(_ann, _ben);
        for (var n = 0; n < 24; n++)
        {
            if (n == 12)
                await ChangeAsync(history, conversation, days: 7, timer: null, defaultDays: 400_000);
            await history.SendAsync(conversation, _ann);
        }

        await node.CaughtUpAsync(history.Head);
        var media = new PostgresMedia(node.Get<NpgsqlDataSource>(), new GarbageSignal());
        await Views.ExecuteAsync(
            """
            INSERT INTO chat.media_files (file_id, owner, sha256, file_type, content_type, uploaded_at, used_at)
            SELECT DISTINCT file_id, gen_random_uuid(), '\\x00'::bytea, 'image', 'image/png', now(), now()
            FROM chat.media_references
            """);
        var found = new List<long>();
        foreach (var fact in history.MessagesOf(conversation))
        {
            if (((ConversationEvent.MessageSent)fact.Event).Files is [var file])
                found.AddRange(
                    (await media.FindForAsync([(_ben, file)], default)).Single().References.Select(use => use.Seq));
        }

        var withFiles = history.MessagesOf(conversation)
            .Where(fact => ((ConversationEvent.MessageSent)fact.Event).Files is not null).Select(fact => fact.Revision);
        Assert.Contains(withFiles, seq => seq < 13);
        Assert.Equal(withFiles.Where(seq => seq > 13), found);
        Assert.NotEmpty(found);
    }

    [Fact]
    public async Task However_many_messages_get_a_shorter_time_the_fold_writes_one_row_and_the_sweep_theirs_in_steps()
    {
        const int limit = 500;
        await using var node = await StartNodeAsync();
        var (conversation, changed) = (new ConversationId(Guid.NewGuid()), (2L * limit) + 2);
        await Views.ExecuteAsync(
            $"""
            INSERT INTO chat.timeline (conversation_id, seq, kind, at, message_id, message_no, kept_until, expires_at)
            SELECT '{conversation.Value}', seq, 'message', now(), gen_random_uuid(), least(seq, {changed - 1}),
                now() + interval '30 days', now() + interval '30 days'
            FROM generate_series(0, {changed + 60}) AS seq
            """);
        for (var n = 0; n < 60; n++) // Each in a run of its own.
            await ShortenAsync(node, conversation, changed + n, TimeSpan.FromDays(90 - n), TimeSpan.FromDays(89 - n));

        Assert.Equal([$"0 to {changed + 60}: 30 days"], await KeptAsync());
        Assert.Equal(1, await Views.NumberAsync("SELECT sum(cardinality(shown_ms)) FROM chat.retention_rules"));
        await ShortenAsync(node, conversation, changed + 60, TimeSpan.FromDays(30), TimeSpan.FromDays(7));
        Assert.Equal([$"0 to {changed + 60}: 30 days"], await KeptAsync());
        Assert.True(await node.Get<IExpiry>().ShortenAsync(conversation, limit, default));
        Assert.Equal([$"0 to {limit - 1}: 7 days", $"{limit} to {changed + 60}: 30 days"], await KeptAsync());
        Assert.Equal(2, await SettleAsync(node, limit));
        Assert.Equal(
            [$"0 to {changed + 59}: 7 days", $"{changed + 60} to {changed + 60}: 30 days"], await KeptAsync());

        Task<List<string>> KeptAsync() => Views.TextsAsync(
            """
            SELECT min(seq) || ' to ' || max(seq) || ': ' || (kept_until - at) FROM chat.timeline
            GROUP BY kept_until - at ORDER BY min(seq)
            """);
    }

    /// <summary>
    /// The views of a node whose sweep comes at any time, those of one that folds all before its first sweep (as a
    /// rebuild does), and the log, message by message.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Whenever_the_sweep_comes_shorter_times_lead_to_the_same_rows(int seed)
    {
        var (history, random) = (new History(Log, seed), new Random(seed));
        await using var node = await StartNodeAsync();
        var conversation = await history.StartAsync(_ann, _ben);
        for (var n = 0; n < 250; n++)
        {
            switch (random.Next(10))
            {
                case < 5:
                    var kept = TimeSpan.FromDays(random.Next(15_000, 31_000)); // So that none is due for forty years.
                    await history.SendAsync(conversation, _ann, history.Facts[^1].At + kept);
                    break;
                case < 8:
                    int? timer = random.Next(2) == 0 ? null : 86_400 * random.Next(15_000, 24_000);
                    await ChangeAsync(history, conversation, random.Next(15_000, 31_000), timer, defaultDays: 30_000);
                    break;
                case 8:
                    var messages = history.MessagesOf(conversation).Select(fact => fact.Revision).ToArray();
                    await history.ExpireAsync(
                        conversation, [.. random.GetItems(messages, Math.Min(3, messages.Length)).Distinct()]);
                    break;
                default:
                    await node.CaughtUpAsync(history.Head);
                    foreach (var each in await node.Get<IExpiry>().ShortenedAsync(null, 10, default))
                        await node.Get<IExpiry>().ShortenAsync(each, random.Next(1, 30), default);
                    break;
            }
        }

        await node.CaughtUpAsync(history.Head);
        var entries = await node.Get<ITimeline>().EntriesAsync(conversation, -1, 500, default);
        Assert.All(history.Facts.Where(fact => fact.Event is ConversationEvent.MessageSent), fact => Assert.Equal(
            (fact.Revision, history.ShownUntil(fact)), (fact.Revision, entries[(int)fact.Revision].Message!.ExpiresAt)));
        await SettleAsync(node, limit: 50);

        await using var database = await Node.DatabaseAsync();
        await using var views = new Views(database);
        await using var later = await Node.StartAsync(database, Log);
        await later.CaughtUpAsync(history.Head);
        Assert.Equal(1, await views.NumberAsync("SELECT count(*) FROM chat.retention_rules"));
        await SettleAsync(later, limit: 500);
        Assert.Equal(await views.DumpAsync(), await Views.DumpAsync());
    }

    [Fact]
    public async Task Where_nothing_is_kept_the_log_is_truncated_up_to_the_last_entry_of_the_views()
    {
        await using var node = await StartNodeAsync();
        var history = new History(Log);
        var conversation = await history.StartAsync(_ann, _ben);
        for (var n = 0; n < 3; n++)
            await history.SendAsync(conversation, _ann);
        await history.ExpireAsync(conversation, [1, 2, 3]);
        await node.CaughtUpAsync(history.Head);

        await using var trims = await node.Get<IExpiry>().TrimsAsync(default);

        var trim = Assert.Single(await trims!.NextAsync(null, 10, default));
        Assert.Equal((4L, 5L), (trim.ExpirySeq, trim.KeptFrom));
    }

    /// <summary>
    /// Each read model, over the log in PostgreSQL and over one that returns truncated events, as EventStoreDB does
    /// until a scavenge.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_the_log_has_lost_a_rebuild_takes_over(bool handsOutWhatIsTruncated)
    {
        UserId[] users = [_ann, _ben, .. Enumerable.Range(0, 4).Select(_ => History.SomeUser())];
        await using var node = await Node.StartAsync(Database, handsOutWhatIsTruncated ? Log : null);
        var store = node.Get<IEventStore>();
        var history = new History(store);
        await history.HappenAsync(users, 1_200);
        var populated = history.Conversations.Where(pair => pair.Value.MemberIds.Length > 0).Take(12).ToList();
        foreach (var (conversation, _) in populated)
        {
            var messages = history.MessagesOf(conversation).Select(fact => fact.Revision).ToList();
            await history.ExpireAsync(conversation, [.. messages.Take(messages.Count * 2 / 3)]);
        }

        await history.HappenAsync(users, 100);
        await node.CaughtUpAsync(history.Head);
        await GoneMessageTests.MoveAllAsync(node, history);
        Assert.True(await Views.NumberAsync("SELECT count(*) FROM chat.gone_messages") > 50);
        Assert.True(await Views.NumberAsync("SELECT count(*) FROM chat.log_starts WHERE NOT of_receipts") > 5);
        Assert.Equal(0, await Views.NumberAsync("SELECT count(*) FROM chat.log_trims"));
        foreach (var conversation in handsOutWhatIsTruncated ? [] : history.Conversations.Keys.ToList())
            Assert.Null((await StoredChain.OfAsync(Database.ConnectionString, StreamName.Of(conversation))).Broken);

        foreach (var name in ReadModelFactory.Names)
        {
            await SettleAsync(node, limit: 500);
            await ReceiptTrimTests.TrimAllAsync(node, Views);
            var before = await Views.DumpAsync();

            Assert.True(await node.Get<IProjections>().RebuildAsync(name, CancellationToken.None));
            await Eventually.IsTrue(
                async () => await node.StateAsync(name) == "running", $"the rebuild of {name} has ended");

            await SettleAsync(node, limit: 500);
            await ReceiptTrimTests.TrimAllAsync(node, Views);
            Assert.Equal(before, await Views.DumpAsync());
            await history.HappenAsync(users, 50);
            await node.CaughtUpAsync(history.Head);
        }
    }

    private static Task ChangeAsync(
        History history, ConversationId conversation, int? days, int? timer, int defaultDays)
    {
        var by = history.Conversations[conversation].MemberIds[0];
        var change = new ConversationCommand.ChangeRetention(by, new RetentionPolicy(days, timer), defaultDays);
        return history.TryAsync(conversation, by, change);
    }

    /// <summary>Folds one shortening, in a transaction of its own.</summary>
    private async Task ShortenAsync(Node node, ConversationId conversation, long seq, TimeSpan from, TimeSpan to)
    {
        var changed = new ConversationEvent.RetentionChanged(
            new RetentionPolicy(to.Days, null), _ann, [new Shortening(from, to)])
        { At = DateTimeOffset.UtcNow };
        var fact = new Recorded(
            changed, StreamName.Of(conversation), seq, new LogPosition(1), Guid.NewGuid(), DateTimeOffset.UtcNow,
            default, default);
        await using var connection = await node.Get<ReadModelDatabase>().Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var session = new ReadModelSession(connection, node.Live(epoch: 1), () => throw new InvalidOperationException());
        await MessageExpiry.ApplyAsync([fact], session, default);
        await transaction.CommitAsync();
    }

    /// <summary>The part of the sweep that writes shorter times into rows.</summary>
    /// <returns>The number of steps.</returns>
    private static async Task<int> SettleAsync(Node node, int limit)
    {
        var (expiry, steps) = (node.Get<IExpiry>(), 0);
        foreach (var conversation in await expiry.ShortenedAsync(null, 1_000, default))
        {
            do
                steps++;
            while (await expiry.ShortenAsync(conversation, limit, default));
        }

        return steps;
    }

    /// <summary>Every list shows one message, and every place is there.</summary>
    private async Task LookAsync(
        Node node, ConversationId conversation, long keptSeq, MessageId kept, long[] places, MessageId due)
    {
        var timeline = node.Get<ITimeline>();
        var newest = await timeline.MessagesAsync(conversation, 0, null, null, 50, default);
        Assert.Equal([keptSeq], newest.Messages.Select(entry => entry.Seq));
        var newer = await timeline.MessagesAsync(conversation, 0, -1, null, 50, default);
        Assert.Equal([keptSeq], newer.Messages.Select(entry => entry.Seq));
        Assert.Equal(
            [keptSeq], (await timeline.WrittenAsync(conversation, _ann, -1, 50, default)).Select(entry => entry.Seq));
        var unread = await timeline.UnreadAsync(_ben, null, 50, default);
        Assert.Equal([keptSeq], unread.Messages.Select(entry => entry.Seq));
        Assert.Null(await timeline.MessageAsync(conversation, due, new Member(_ann, 0), default));
        Assert.NotNull(await timeline.MessageAsync(conversation, kept, new Member(_ann, 0), default));
        var entries = await timeline.EntriesAsync(conversation, -1, 50, default);
        Assert.Equal(Enumerable.Range(0, entries.Count).Select(n => (long)n), entries.Select(entry => entry.Seq));
        Assert.Equal(
            [keptSeq], entries.Where(entry => entry.Message?.Content is not null).Select(entry => entry.Seq));
        Assert.Equal(places, entries.Where(entry => entry.Message is not null).Select(entry => entry.Seq));
        var item = (await node.Get<IInbox>().OneAsync(_ben, conversation, default))!;
        Assert.Equal((1, keptSeq), (item.Unread, item.LastMessage?.Seq));
    }
}
