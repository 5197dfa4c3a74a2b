using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Sweeping;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Retention;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;
using Microsoft.Extensions.Logging.Abstractions;

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

        await LookAsync();
        var found = Assert.Single(await node.Get<IExpiry>().DueAsync(LongAgo, [], 10, default));
        Assert.Equal((conversation, 4, 3), (found.Conversation, found.AsOf, found.Messages.Count));
        Assert.Equal(4, Assert.Single((await node.Get<IExpiry>().DueAsync(LongAgo, [], 1, default))[0].Messages).Seq);
        Assert.Empty(await node.Get<IExpiry>().DueAsync(LongAgo.AddDays(-1), [], 10, default));

        await history.ExpireAsync(conversation, 2, 3, 4);
        await node.CaughtUpAsync(history.Head);
        await LookAsync();
        Assert.Empty(await node.Get<IExpiry>().DueAsync(LongAgo, [], 10, default));
        Assert.Equal(1, await Views.NumberAsync("SELECT count(*) FROM chat.timeline WHERE content IS NOT NULL"));

        async Task LookAsync()
        {
            var timeline = node.Get<ITimeline>();
            var newest = await timeline.MessagesAsync(conversation, 0, null, null, 50, default);
            Assert.Equal([1], newest.Select(entry => entry.Seq));
            var newer = await timeline.MessagesAsync(conversation, 0, -1, null, 50, default);
            Assert.Equal([1], newer.Select(entry => entry.Seq));
            var unread = await timeline.UnreadAsync(_ben, null, 50, default);
            Assert.Equal([1], unread.Messages.Select(entry => entry.Seq));
            Assert.Null(await timeline.MessageAsync(conversation, due, new Member(_ann, 0), default));
            Assert.NotNull(await timeline.MessageAsync(conversation, kept, new Member(_ann, 0), default));
            var entries = await timeline.EntriesAsync(conversation, -1, 50, default);
            Assert.Equal(Enumerable.Range(0, entries.Count).Select(n => (long)n), entries.Select(entry => entry.Seq));
            Assert.Equal([1], entries.Where(entry => entry.Message?.Content is not null).Select(entry => entry.Seq));
            Assert.Equal([1, 2, 3, 4], entries.Where(entry => entry.Message is not null).Select(entry => entry.Seq));
            var item = (await node.Get<IInbox>().OneAsync(_ben, conversation, default))!;
            Assert.Equal((1, 1), (item.Unread, item.LastMessage?.Seq));
        }
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
        await using (var node = await StartNodeAsync())
            await node.CaughtUpAsync(history.Head);
        var atOnce = await Views.DumpAsync();
        var message = atOnce.Single(row => row.StartsWith("timeline", StringComparison.Ordinal)
            && row.Contains("message_id\": \"", StringComparison.Ordinal));
        Assert.Contains("expired_at", message, StringComparison.Ordinal);
        Assert.Equal(0, await Views.NumberAsync(
            """
            SELECT count(*) FROM chat.timeline
            WHERE content IS NOT NULL OR reactions IS NOT NULL OR edited_at IS NOT NULL
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
        Assert.True(entries[0].Message!.ExpiresAt > entries[0].At.AddDays(30)); // No timer.
        Assert.True(entries[1].Message!.ExpiresAt < entries[1].At.AddHours(1)); // A shorter timer.
        Assert.Equal(entries[2].At.AddHours(1), entries[2].Message!.ExpiresAt);
        Assert.True(entries[5].Message!.ExpiresAt > entries[5].At.AddDays(30));
        var due = await node.Get<IExpiry>().DueAsync(DateTimeOffset.UtcNow, [], 10, default);
        Assert.Equal([2, 3], due.SelectMany(each => each.Messages).Select(message => message.Seq).Order());
    }

    [Fact]
    public async Task A_shorter_time_holds_for_all_earlier_messages_however_many_there_are()
    {
        await using var node = await StartNodeAsync();
        var (conversation, changed) = (new ConversationId(Guid.NewGuid()), (2L * MessageExpiry.ShortenedAtOnce) + 2);
        await Views.ExecuteAsync(
            $"""
            INSERT INTO chat.timeline (conversation_id, seq, kind, at, message_id, message_no, kept_until, expires_at)
            SELECT '{conversation.Value}', seq, 'message', now(), gen_random_uuid(), seq,
                now() + interval '30 days', now() + interval '30 days'
            FROM generate_series(0, {changed + 1}) AS seq
            """);
        var shortening = new Shortening(TimeSpan.FromDays(30), TimeSpan.FromDays(7));
        var fact = new Recorded(
            new ConversationEvent.RetentionChanged(new RetentionPolicy(7, null), _ann, [shortening])
            {
                At = DateTimeOffset.UtcNow,
            },
            StreamName.Of(conversation), changed, new LogPosition(1), Guid.NewGuid(), DateTimeOffset.UtcNow,
            default, default);

        await using (var connection = await node.Get<ReadModelDatabase>().Source.OpenConnectionAsync())
        {
            var session = new ReadModelSession(connection, node.Live(epoch: 1), () => throw new InvalidOperationException());
            await MessageExpiry.ApplyAsync([fact], session, default);
        }

        Assert.Equal(
            ["0 to 20001: 7 days", "20002 to 20003: 30 days"],
            await Views.TextsAsync(
                """
                SELECT min(seq) || ' to ' || max(seq) || ': ' || (kept_until - at) FROM chat.timeline
                GROUP BY kept_until - at ORDER BY min(seq)
                """));
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
        var trimmer = new LogTrimmer(
            node.Get<IExpiry>(), store, new EventCodec(), node.Get<ISnapshots>(), TimeProvider.System,
            NullLogger<LogTrimmer>.Instance);
        Assert.True(await trimmer.TrimAsync(default) > 0);
        Assert.True(await Views.NumberAsync("SELECT count(*) FROM chat.log_starts WHERE NOT of_receipts") > 5);
        Assert.Equal(0, await Views.NumberAsync("SELECT count(*) FROM chat.log_trims"));
        foreach (var conversation in handsOutWhatIsTruncated ? [] : history.Conversations.Keys.ToList())
            Assert.Null((await StoredChain.OfAsync(Database.ConnectionString, StreamName.Of(conversation))).Broken);

        foreach (var name in ReadModelFactory.Names)
        {
            var before = await Views.DumpAsync();

            Assert.True(await node.Get<IProjections>().RebuildAsync(name, CancellationToken.None));
            await Eventually.IsTrue(
                async () => await node.StateAsync(name) == "running", $"the rebuild of {name} has ended");

            Assert.Equal(before, await Views.DumpAsync());
            await history.HappenAsync(users, 50);
            await node.CaughtUpAsync(history.Head);
        }
    }
}
