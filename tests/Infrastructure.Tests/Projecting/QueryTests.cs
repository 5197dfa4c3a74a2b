using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Users;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>The queries agree with the log, which the tests count the slow way.</summary>
public sealed class QueryTests : ProjectingTest
{
    private readonly UserId[] _users = [.. Enumerable.Range(0, 6).Select(_ => History.SomeUser())];

    [Fact]
    public async Task Presence_may_be_watched_where_the_other_wrote_or_was_not_put_by_the_watcher()
    {
        var (ann, ben, cat, dan) = (_users[0], _users[1], _users[2], _users[3]);
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var direct = await history.StartAsync(ann, ben);
        await history.SendAsync(direct, ann);
        var group = await history.StartGroupAsync(cat, dan);
        await history.TryAsync(group, cat, new ConversationCommand.AddMembers(cat, [ben], 8));
        Assert.Equal([(ben, ann), (dan, cat), (ben, cat), (ben, dan), (dan, ben)], await WatchableAsync());

        await history.SendAsync(direct, ben);
        await history.TryAsync(group, ben, new ConversationCommand.RemoveMember(ben, ben));
        Assert.Equal([(ann, ben), (ben, ann), (dan, cat)], await WatchableAsync());

        async Task<IEnumerable<(UserId, UserId)>> WatchableAsync()
        {
            await node.CaughtUpAsync(history.Head);
            (UserId Watcher, UserId Watched)[] pairs =
            [
                (ann, ben), (ben, ann), (cat, dan), (dan, cat), (cat, ben), (ben, cat), (ben, dan), (dan, ben),
                (ann, cat), (cat, ann),
            ];
            var found = await node.Get<IInbox>().WatchableAsync(pairs, default);
            return pairs.Where(found.Contains);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Inbox_unread_and_timelines_agree_with_the_log(int seed)
    {
        var history = new History(Log, seed);
        await using var node = await StartNodeAsync();
        await history.HappenAsync(_users, 700);
        await node.CaughtUpAsync(history.Head);

        foreach (var user in _users)
        {
            var unread = await UnreadAsync(node, user, 7);
            Assert.Equal(
                UnreadPlacesOf(history, user),
                unread.Select(entry => (entry.Conversation, entry.Seq)));

            var inbox = await PagesAsync<InboxItem>(
                async last => (await node.Get<IInbox>().PageAsync(user, last?.Place, 2, default)).Items);
            var mine = history.Conversations.Where(pair => pair.Value.IsMember(user)).ToDictionary();
            Assert.Equal(mine.Keys.ToHashSet(), inbox.Select(item => item.Conversation.Id).ToHashSet());
            Assert.Equal(mine.Count, inbox.Count);
            var updated = inbox.Select(item => item.Conversation.UpdatedAt).ToList();
            Assert.Equal(updated.OrderDescending(), updated);
            foreach (var item in inbox)
            {
                var id = item.Conversation.Id;
                var mark = history.Receipts.GetValueOrDefault(id, Watermarks.None).Of(user);
                Assert.Equal(UnreadOf(history, user).Count(message => message.Conversation == id), item.Unread);
                Assert.Equal(
                    (mark.Delivered, mark.Read, mine[id].LastSeq),
                    (item.DeliveredSeq, item.ReadSeq, item.Conversation.LastSeq));
                var last = history.MessagesOf(id).LastOrDefault()?.Revision;
                Assert.Equal(last >= mine[id].Members[user].JoinedSeq ? last : null, item.LastMessage?.Seq);
                Assert.Equal(history.Settings.GetValueOrDefault((user, id), ConversationSettings.None), item.Settings);
                var place = new InboxPlace(item.Conversation.UpdatedAt, id, item.Conversation.UpdatedAt);
                Assert.Equivalent(item with { Place = place }, await node.Get<IInbox>().OneAsync(user, id, default));
            }

            var (device, inboxes) = (history.Devices[1], node.Get<IInbox>());
            var all = await inboxes.WaitingAsync(user, device, 100, default);
            foreach (var waiting in all)
            {
                var mark = history.Receipts.GetValueOrDefault(waiting.Conversation, Watermarks.None).Of(user);
                var joined = mine[waiting.Conversation].Members[user].JoinedSeq;
                Assert.Equal(
                    (joined, Math.Max(joined - 1, mark.DeliveredTo(device)), mine[waiting.Conversation].LastSeq),
                    (waiting.JoinedSeq, waiting.DeliveredSeq, waiting.LastSeq));
                Assert.Equal(waiting, await inboxes.WaitingInAsync(user, device, waiting.Conversation, default));
            }

            var newest = inbox.Select(item => item.Conversation.Id).ToList();
            Assert.Equal(
                all.OrderBy(item => item.LastSeq <= item.DeliveredSeq)
                    .ThenBy(item => newest.IndexOf(item.Conversation)),
                all);
            Assert.Equal(newest.Count, all.Count);
            Assert.Equal(all.Take(2), await inboxes.WaitingAsync(user, device, 2, default));
            Assert.Null(await inboxes.WaitingInAsync(user, device, new ConversationId(Guid.NewGuid()), default));
        }
    }

    [Fact]
    public async Task Messages_of_erased_members_are_unread_for_nobody()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var (ann, ben, eve) = (_users[0], _users[1], _users[2]);
        var group = await history.StartGroupAsync(ann, ben, eve);
        for (var n = 0; n < 12; n++)
            await history.SendAsync(group, eve);
        await history.SendAsync(group, ann);
        await history.SendAsync(await history.StartAsync(eve, ben), eve);

        await history.EraseAsync(eve);
        await history.SendAsync(await history.StartAsync(eve, ann), eve); // By a request that was under way.
        await node.CaughtUpAsync(history.Head);

        Assert.Equal([13], await SeqsAsync(UnreadAsync(ben)));
        Assert.Empty(await UnreadAsync(ann));
        foreach (var user in new[] { ann, ben })
        {
            var inbox = await node.Get<IInbox>().PageAsync(user, null, 9, default);
            Assert.Equal((2, user == ben ? 1 : 0), (inbox.Items.Count, inbox.Items.Sum(item => item.Unread)));
        }

        async Task<IReadOnlyList<TimelineEntry>> UnreadAsync(UserId user) =>
            (await node.Get<ITimeline>().UnreadAsync(user, null, 2, default)).Messages;
    }

    [Fact]
    public async Task Unread_messages_are_found_between_any_number_of_ones_own_in_pages_of_any_length()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var (ann, ben, cid) = (_users[0], _users[1], _users[2]);
        var group = await history.StartGroupAsync(ann, ben, cid);
        var direct = await history.StartAsync(ann, ben);
        foreach (var conversation in new[] { group, direct })
        {
            foreach (var (own, others) in new[] { (0, 1), (30, 2), (3, 1), (60, 3), (10, 0) })
            {
                for (var i = 0; i < own; i++)
                    await history.SendAsync(conversation, ann);
                for (var i = 0; i < others; i++)
                    await history.SendAsync(conversation, i == 1 && conversation == group ? cid : ben);
            }
        }

        await node.CaughtUpAsync(history.Head);

        var expected = UnreadPlacesOf(history, ann).ToList();
        Assert.Equal(14, expected.Count);
        foreach (var limit in new[] { 1, 2, 5, 50 })
        {
            var unread = await UnreadAsync(node, ann, limit);
            Assert.Equal(expected, unread.Select(entry => (entry.Conversation, entry.Seq)));
        }
    }

    [Fact]
    public async Task What_was_done_to_messages_stands_in_the_timeline_and_deleted_content_nowhere()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var (ann, ben) = (_users[0], _users[1]);
        var group = await history.StartGroupAsync(ann, ben);
        await history.SendAsync(group, ann);
        var edited = history.Facts[^1];
        await history.SendAsync(group, ann);
        var deleted = history.Facts[^1];
        var (first, second) = (Content(1), Content(2));
        await EditAsync(edited, first, fingerprint: 1);
        await EditAsync(deleted, second, fingerprint: 2);
        await ReactAsync(ben, edited, "👍");
        await ReactAsync(ann, edited, "🎉");
        await ReactAsync(ben, edited, "🎉");
        await ReactAsync(ben, deleted, "👍");
        await VoteAsync(ben, edited, 0, 2);
        await VoteAsync(ann, edited, 1);
        await VoteAsync(ben, edited, 1);
        await VoteAsync(ben, deleted, 0);
        await node.CaughtUpAsync(history.Head);
        await history.TryAsync(group, ann, new ConversationCommand.DeleteMessage(ann, history.FactsOf(deleted, ann)));
        await node.CaughtUpAsync(history.Head);

        var entries = await node.Get<ITimeline>().EntriesAsync(group, -1, 50, default);

        Assert.Equal(Enumerable.Range(0, entries.Count), entries.Select(entry => (int)entry.Seq));
        Assert.Equal(
            [new Reaction(ann.Value, "🎉"), new Reaction(ben.Value, "🎉")], entries[1].Message!.Reactions.ToArray());
        Assert.Equal(first.Bytes.ToArray(), entries[1].Message!.Content!.Bytes.ToArray());
        Assert.Equal((null, true), (entries[2].Message!.Content, entries[2].Message!.DeletedAt is not null));
        Assert.Empty(entries[2].Message!.Reactions);
        Assert.Equal(
            [new CastVote(ann.Value, Vote.Of([1])), new CastVote(ben.Value, Vote.Of([1]))],
            entries[1].Message!.Votes.ToArray());
        Assert.Empty(entries[2].Message!.Votes);
        Assert.Equal(
            [first.Bytes.ToArray(), []],
            entries.Select(entry => entry.Update).OfType<ConversationEvent.MessageEdited>()
                .Select(e => e.Content.Bytes.ToArray()));
        foreach (var gone in new[] { ((ConversationEvent.MessageSent)deleted.Event).Content, second })
        {
            var hex = Convert.ToHexStringLower(gone.Bytes.Span);
            Assert.DoesNotContain(await Views.DumpAsync(), row => row.Contains(hex, StringComparison.Ordinal));
        }

        Task EditAsync(Recorded message, SealedContent content, UInt128 fingerprint) => history.TryAsync(
            group, ann, new ConversationCommand.EditMessage(
                ann, history.FactsOf(message, ann), content, new(fingerprint), Unchanged: false));

        Task ReactAsync(UserId user, Recorded message, string emoji) => history.TryAsync(
            group, user, new ConversationCommand.SetReaction(user, history.FactsOf(message, user), emoji));

        Task VoteAsync(UserId user, Recorded message, params int[] options) => history.TryAsync(
            group, user, new ConversationCommand.SetVote(user, history.FactsOf(message, user), Vote.Of(options)));

        static SealedContent Content(byte number) => new("day-2026-02-01", Enumerable.Repeat(number, 40).ToArray());
    }

    [Fact]
    public async Task Profiles_of_many_are_found_at_once()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        foreach (var user in _users)
            await history.RegisterAsync(user);
        await node.CaughtUpAsync(history.Head);

        var found = await node.Get<IDirectory>().ProfilesAsync([.. _users, History.SomeUser()], default);

        Assert.Equal(_users.ToHashSet(), found.Keys.ToHashSet());
        foreach (var fact in history.Facts)
        {
            if (fact.Event is not Domain.Users.UserEvent.UserRegistered registered)
                continue;
            var profile = found[new(StreamName.IdOf(fact.Stream))];
            Assert.Equal(registered.Profile.Bytes.ToArray(), profile.Bytes.ToArray());
        }
    }

    [Fact]
    public async Task Messages_are_found_before_and_after_a_seq_and_by_id()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var conversation = await history.StartAsync(_users[0], _users[1]);
        var ids = new List<MessageId>();
        for (var n = 0; n < 30; n++)
            ids.Add(await history.SendAsync(conversation, _users[n % 2]));
        await node.CaughtUpAsync(history.Head);
        var timeline = node.Get<ITimeline>();

        Assert.Equal(Seqs(26, 30), await SeqsAsync(timeline.MessagesAsync(conversation, 0, null, null, 5, default)));
        Assert.Equal(Seqs(5, 9), await SeqsAsync(timeline.MessagesAsync(conversation, 0, null, 10, 5, default)));
        Assert.Equal(Seqs(11, 15), await SeqsAsync(timeline.MessagesAsync(conversation, 0, 10, null, 5, default)));
        Assert.Equal(Seqs(11, 12), await SeqsAsync(timeline.MessagesAsync(conversation, 0, 10, 13, 5, default)));
        Assert.Equal(Seqs(8, 9), await SeqsAsync(timeline.MessagesAsync(conversation, 8, null, 10, 5, default)));
        Assert.True((await timeline.MessagesAsync(conversation, 0, 24, null, 5, default)).HasMore);
        Assert.True((await timeline.MessagesAsync(conversation, 25, null, null, 5, default)).HasMore);
        Assert.False((await timeline.MessagesAsync(conversation, 0, 25, null, 5, default)).HasMore);
        Assert.False((await timeline.MessagesAsync(conversation, 26, null, null, 5, default)).HasMore);
        for (var n = 0; n <= 30; n++)
        {
            var at = history.Facts.Single(fact => fact.Conversation == conversation && fact.Revision == n).At;
            var first = history.Facts.First(fact => fact.Conversation == conversation && fact.At >= at).Revision;
            Assert.Equal(first, await timeline.SeqAtAsync(conversation, 0, at, default));
            Assert.Equal(Math.Max(first, 7), await timeline.SeqAtAsync(conversation, 7, at, default));
        }

        Assert.Equal(31, await timeline.SeqAtAsync(conversation, 0, history.Facts[^1].At.AddSeconds(1), default));
        Assert.Equal(40, await timeline.SeqAtAsync(conversation, 40, DateTimeOffset.UnixEpoch, default));
        var nowhere = new ConversationId(Guid.NewGuid());
        Assert.Equal(0, await timeline.SeqAtAsync(nowhere, 0, DateTimeOffset.UnixEpoch, default));
        Assert.Equal(Seqs(0, 30), await SeqsAsync(timeline.EntriesAsync(conversation, -1, 50, default)));
        var started = (await timeline.EntriesAsync(conversation, -1, 1, default))[0];
        Assert.Equal(TimelineEntry.ConversationStartedKind, started.Kind);
        foreach (var (id, index) in ids.Select((id, index) => (id, index)))
            Assert.Equal(index + 1, (await timeline.MessageAsync(conversation, id, Anybody, default))!.Entry.Seq);
        Assert.Null(await timeline.MessageAsync(conversation, new MessageId(Guid.NewGuid()), Anybody, default));

        var sent = history.Facts.Select(fact => fact.Event).OfType<ConversationEvent.MessageSent>()
            .Single(e => e.MessageId == ids[3]);
        var found = (await timeline.MessageAsync(conversation, ids[3], Anybody, default))!.Entry.Message!;
        Assert.Equal(sent.Content.Bytes.ToArray(), found.Content!.Bytes.ToArray());
        Assert.Equal(
            (sent.Content.Bucket, sent.ExpiresAt, sent.At, sent.Sender),
            (found.Content.Bucket, found.ExpiresAt, found.SentAt, found.Sender));
        var known = await node.Get<ISentMessages>().FindAsync(
            [(sent.Sender, ids[3]), (_users[2], ids[3])], conversation: null, default);
        Assert.Equal(
            new SentMessage(ids[3], sent.Sender, conversation, 4, sent.At, sent.Fingerprint), Assert.Single(known));
        Assert.Equal(known, await node.Get<ISentMessages>().FindAsync([(_users[2], ids[3])], conversation, default));
        Assert.Empty(await node.Get<ISentMessages>().FindAsync(
            [(_users[2], ids[3])], new ConversationId(Guid.NewGuid()), default));
    }

    [Fact]
    public async Task Pages_end_where_they_are_large_enough_and_lead_on_to_the_rest()
    {
        const int large = 100_000;
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var (ann, ben) = (_users[0], _users[1]);
        var conversation = await history.StartAsync(ann, ben);
        for (var n = 0; n < 10; n++)
            await history.SendAsync(conversation, ann, bytes: large);
        foreach (var message in history.Facts.Where(fact => fact.Event is ConversationEvent.MessageSent).ToList())
        {
            var edit = new ConversationCommand.EditMessage(
                ann, history.FactsOf(message, ann), History.Sealed(large), new(1), Unchanged: false);
            await history.TryAsync(conversation, ann, edit);
        }

        await node.CaughtUpAsync(history.Head);
        var timeline = node.Get<ITimeline>();
        var size = new PageSize(50, 3 * large);

        Assert.Equal(Seqs(1, 3), await SeqsAsync(timeline.MessagesAsync(conversation, 0, 0, null, size, default)));
        Assert.Equal(Seqs(8, 10), await SeqsAsync(timeline.MessagesAsync(conversation, 0, null, null, size, default)));
        Assert.Equal(Seqs(5, 7), await SeqsAsync(timeline.MessagesAsync(conversation, 0, null, 8, size, default)));
        Assert.Equal(Seqs(4, 6), await SeqsAsync(timeline.WrittenAsync(conversation, ann, 3, size, default)));
        // Edits, each with its message's content.
        Assert.Equal(Seqs(11, 13), await SeqsAsync(timeline.EntriesAsync(conversation, 10, size, default)));
        var single = size with { Bytes = 1 };
        Assert.Equal(Seqs(5, 5), await SeqsAsync(timeline.EntriesAsync(conversation, 4, single, default)));
        var all = await PagesAsync<TimelineEntry>(
            last => timeline.EntriesAsync(conversation, last?.Seq ?? -1, size, default));
        Assert.Equal(Seqs(0, 20), all.Select(entry => entry.Seq));
        Assert.Equal(Seqs(1, 10), (await UnreadAsync(node, ben, size)).Select(entry => entry.Seq));
        var page = await timeline.UnreadAsync(ben, new UnreadPlace(conversation, 7), size, default);
        Assert.Equal((3, false), (page.Messages.Count, page.HasMore)); // The last page is full.
    }

    [Fact]
    public async Task A_page_of_the_inbox_ends_where_its_last_messages_are_large_enough()
    {
        const int large = 100_000;
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var ann = _users[0];
        var conversations = new List<ConversationId>();
        for (var n = 0; n < 7; n++)
        {
            var other = History.SomeUser();
            conversations.Insert(0, await history.StartAsync(ann, other));
            await history.SendAsync(conversations[0], other, bytes: large);
        }

        await node.CaughtUpAsync(history.Head);
        var (seen, sizes) = (new List<ConversationId>(), new List<int>());
        for (InboxPlace? place = null; sizes.Count == 0 || place is not null;)
        {
            var page = await node.Get<IInbox>().PageAsync(ann, place, new PageSize(50, 3 * large), default);
            seen.AddRange(page.Items.Select(item => item.Conversation.Id));
            sizes.Add(page.Items.Count);
            place = page.HasMore ? page.Items[^1].Place : null;
        }

        Assert.Equal(conversations, seen);
        Assert.Equal([3, 3, 1], sizes);
    }

    [Fact]
    public async Task Receipts_tell_when_each_recipient_got_and_read_a_message()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var conversation = await history.StartAsync(_users[0], _users[1]);
        for (var n = 0; n < 9; n++)
            await history.SendAsync(conversation, _users[0]);
        await history.DeliverAsync(conversation, _users[1], 3);
        await history.DeliverAsync(conversation, _users[1], 7);
        await history.ReadAsync(conversation, _users[1], 5);
        await node.CaughtUpAsync(history.Head);

        var at = history.Facts.Where(fact => fact.Event is ReceiptEvent).Select(fact => fact.At).ToArray();
        Assert.Equal((at[0], at[2]), await TimesAsync(2));
        Assert.Equal((at[1], at[2]), await TimesAsync(4));
        Assert.Equal((at[1], null), await TimesAsync(6));
        Assert.Equal((null, null), await TimesAsync(8));
        var marks = (await node.Get<IReceipts>().OfAsync([conversation], default))[conversation]
            .ToDictionary(member => member.User);
        var (mine, others) = (marks[_users[0]], marks[_users[1]]);
        Assert.Equal((7, 5, 0), (others.DeliveredSeq, others.ReadSeq, others.Stays.Single().JoinedSeq));
        Assert.Equal((-1, -1, 0), (mine.DeliveredSeq, mine.ReadSeq, mine.Stays.Single().JoinedSeq));

        async Task<(DateTimeOffset? Delivered, DateTimeOffset? Read)> TimesAsync(long seq)
        {
            var times = (await node.Get<IReceipts>().TimesAsync(conversation, seq, default))
                .Single(time => time.User == _users[1]);
            return (times.DeliveredAt, times.ReadAt);
        }
    }

    [Fact]
    public async Task An_inbox_that_changes_while_it_is_paged_repeats_nothing_and_leaves_nothing_unmoved_out()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var others = Enumerable.Range(0, 20).Select(_ => History.SomeUser()).ToArray();
        var conversations = new List<ConversationId>();
        foreach (var other in others)
            conversations.Add(await history.StartAsync(_users[0], other));
        await node.CaughtUpAsync(history.Head);

        var moved = 0;
        var seen = await PagesAsync<InboxItem>(async last =>
        {
            var page = await node.Get<IInbox>().PageAsync(
                _users[0], last?.Place, 3, default);
            await history.SendAsync(conversations[moved], others[moved]); // Moves the oldest to the front.
            moved++;
            await node.CaughtUpAsync(history.Head);
            return page.Items;
        });
        Assert.Equal(seen.Count, seen.Select(item => item.Conversation.Id).Distinct().Count());
        // The order at the time of the first page.
        Assert.Equal(conversations.AsEnumerable().Reverse(), seen.Select(item => item.Conversation.Id));
    }

    [Fact]
    public async Task Snapshots_are_the_state_at_every_64th_event()
    {
        var history = new History(Log);
        var conversation = await history.StartAsync(_users[0], _users[1]);
        for (var n = 0; n < 150; n++)
        {
            await history.SendAsync(conversation, _users[n % 2]);
            await history.DeliverAsync(conversation, _users[(n + 1) % 2], n);
        }

        await using var node = await StartNodeAsync();
        await node.CaughtUpAsync(history.Head);
        var snapshot = (await node.Get<ISnapshots>().ConversationAsync(conversation, default))!;
        var last = history.Facts.Single(fact => fact.Stream == StreamName.Of(conversation) && fact.Revision == 127);
        Assert.Equal((127, 127), (snapshot.Revision, snapshot.State.LastSeq));
        Assert.Equal(last.Hash.ToArray(), snapshot.Hash.ToArray());
        Assert.Equal(last.At, snapshot.State.LastAt);
        var members = snapshot.State.Members;
        Assert.Equal((127, 126), (members[_users[0]].LastSentSeq, members[_users[1]].LastSentSeq));
        Assert.False(snapshot.State.Recent.ProvesNew(new UserId(Guid.NewGuid()), new MessageId(Guid.NewGuid())));

        var receipts = (await node.Get<ISnapshots>().ReceiptsAsync(conversation, default))!;
        var prefix = history.Facts.Where(fact =>
            fact.Stream == StreamName.OfReceipts(conversation) && fact.Revision <= receipts.Revision);
        var state = prefix.Aggregate(
            Watermarks.None, (marks, fact) => Watermarks.Evolve(marks, (ReceiptEvent)fact.Event));
        Assert.Equal(127, receipts.Revision);
        foreach (var user in _users[..2])
            Assert.Equivalent(state.Of(user), receipts.State.Of(user));
        Assert.Null(await node.Get<ISnapshots>().ConversationAsync(new ConversationId(Guid.NewGuid()), default));
    }

    private Member Anybody => new(_users[0], 0);

    private static IEnumerable<Recorded> UnreadOf(History history, UserId user) => history.Facts.Where(fact =>
        fact.Event is ConversationEvent.MessageSent e && e.Sender != user
        && !history.Gone.Contains((fact.Conversation, fact.Revision))
        && history.Conversations[fact.Conversation].Members.GetValueOrDefault(user)?.JoinedSeq <= fact.Revision
        && !history.FactsOf(fact, user).IsDeleted
        && fact.Revision > history.Receipts.GetValueOrDefault(fact.Conversation, Watermarks.None).Of(user).Read);

    private static IEnumerable<(ConversationId Conversation, long Seq)> UnreadPlacesOf(History history, UserId user) =>
        UnreadOf(history, user)
            .OrderBy(message => message.Conversation.Value, Comparer<Guid>.Create(InPostgresOrder))
            .ThenBy(message => message.Revision)
            .Select(message => (message.Conversation, message.Revision));

    private static int InPostgresOrder(Guid one, Guid other) =>
        string.CompareOrdinal(one.ToString("N"), other.ToString("N"));

    private static async Task<List<T>> PagesAsync<T>(Func<T?, Task<IReadOnlyList<T>>> page)
        where T : class
    {
        var all = new List<T>();
        while (await page(all.LastOrDefault()) is { Count: > 0 } next)
            all.AddRange(next);
        return all;
    }

    /// <summary>All unread messages, over all pages.</summary>
    private static async Task<List<TimelineEntry>> UnreadAsync(Node node, UserId user, PageSize size)
    {
        var all = new List<TimelineEntry>();
        MessagePage page;
        do
        {
            UnreadPlace? after = all.Count == 0 ? null : new(all[^1].Conversation, all[^1].Seq);
            page = await node.Get<ITimeline>().UnreadAsync(user, after, size, default);
            all.AddRange(page.Messages);
        }
        while (page.HasMore);
        return all;
    }

    private static IEnumerable<long> Seqs(int first, int last) =>
        Enumerable.Range(first, last - first + 1).Select(seq => (long)seq);

    private static async Task<IEnumerable<long>> SeqsAsync(Task<MessagePage> page) =>
        (await page).Messages.Select(entry => entry.Seq);

    private static async Task<IEnumerable<long>> SeqsAsync(Task<IReadOnlyList<TimelineEntry>> entries) =>
        (await entries).Select(entry => entry.Seq);
}
