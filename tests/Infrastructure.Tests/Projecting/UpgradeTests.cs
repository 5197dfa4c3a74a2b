using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Timeline;
using ChatCqrs.Testing;
using Marten;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>A start upgrades a database of an earlier version and keeps its data.</summary>
public sealed class UpgradeTests : ProjectingTest
{
    /// <summary>Restores the tables of the version before groups and sweeps.</summary>
    private const string BeforeGroups =
        """
        ALTER TABLE chat.timeline ADD COLUMN members uuid[];
        UPDATE chat.timeline t SET members = ARRAY(
            SELECT m.value::uuid
            FROM jsonb_array_elements_text(convert_from(t.payload, 'UTF8')::jsonb -> 'members')
                WITH ORDINALITY AS m(value, place)
            ORDER BY place)
            WHERE kind = 'conversation_started';
        ALTER TABLE chat.timeline DROP COLUMN event, DROP COLUMN payload, DROP COLUMN edited_at,
            DROP COLUMN deleted_at, DROP COLUMN reactions, DROP COLUMN expired_at, DROP COLUMN kept_until;
        DROP TABLE chat.log_trims;
        ALTER TABLE chat.conversations DROP COLUMN title, DROP COLUMN title_by;
        UPDATE chat.mt_doc_members SET data = data - 'left_seq' - 'earlier';
        """;

    /// <summary>A device that is not the user's any more, as JSON.</summary>
    private const string Removed =
        """
        {"00000000-0000-7000-8000-000000000001": 1}
        """;

    private const string Erased =
        """
        {"erased_at": "2026-01-02T03:04:05+00:00", "devices": []}
        """;

    private const string SomeEntry =
        """
        INSERT INTO chat.timeline (conversation_id, seq, kind, at, message_no)
        VALUES (gen_random_uuid(), 0, 'conversation_started', now(), 0)
        """;

    /// <summary>
    /// Sessions older than PostgreSQL's deadlock_timeout. A session checks for deadlocks once, after it has waited for
    /// that time.
    /// </summary>
    private const string OlderThanDeadlockTimeout =
        "datname = current_database() AND backend_start < now() - interval '2 s'";

    private const string UnreadIndex = "pg_index WHERE indexrelid = 'chat.timeline_unread'::regclass";

    [Fact]
    public async Task Receipts_of_a_version_that_kept_them_all_are_trimmed()
    {
        var history = new History(Log);
        var (ann, ben) = (History.SomeUser(), History.SomeUser());
        await using (var old = await StartNodeAsync())
        {
            await history.RegisterAsync(ann);
            await history.RegisterAsync(ben);
            var conversation = await history.StartAsync(ann, ben);
            await history.SendAsync(conversation, ann);
            await history.SendAsync(conversation, ben);
            await history.ReadAsync(conversation, ben, 1);
            await history.ReadAsync(conversation, ann, 2);
            await history.ExpireAsync(conversation, 1);
            await old.CaughtUpAsync(history.Head);
        }

        await Views.ExecuteAsync(
            $"""
            DROP TABLE chat.receipt_trims;
            DROP INDEX chat.watermarks_user;
            UPDATE chat.watermarks SET devices = devices || '{Removed}' WHERE user_id = '{ann}';
            UPDATE chat.mt_doc_users SET data = data || '{Erased}' WHERE id = '{ben}';
            """);
        await using var node = await StartNodeAsync();

        Assert.Equal(1, await ReceiptTrimTests.TrimAsync(node, limit: 100));
        Assert.Equal([$"{ann}"], await Views.TextsAsync("SELECT user_id::text FROM chat.watermarks"));
        Assert.Equal(1, await Views.NumberAsync("SELECT count(*) FROM chat.watermarks, jsonb_object_keys(devices)"));
        Assert.Equal(
            [$"{ann}", $"{ann}"], await Views.TextsAsync("SELECT user_id::text FROM chat.receipt_marks"));
        await node.Get<IDocumentStore>().Storage.Database.AssertDatabaseMatchesConfigurationAsync();
    }

    [Fact]
    public async Task Messages_that_went_before_there_were_narrow_rows_get_them_while_the_product_runs()
    {
        var history = new History(Log);
        var (ann, ben) = (History.SomeUser(), History.SomeUser());
        await using var old = await StartNodeAsync();
        var conversation = await history.StartAsync(ann, ben);
        for (var n = 0; n < 6; n++)
            await history.SendAsync(conversation, ann);
        await history.ExpireAsync(conversation, 1, 2, 3, 4, 5);
        await old.CaughtUpAsync(history.Head);
        await GoneMessageTests.TrimAsync(old);
        await Views.ExecuteAsync(
            """
            DROP TABLE chat.gone_messages;
            DROP TABLE chat.gone_authors;
            DROP INDEX chat.log_starts_unmoved;
            ALTER TABLE chat.log_starts DROP COLUMN moved_before;
            """);

        await using var node = await StartNodeAsync();
        var before = await node.Get<ITimeline>().EntriesAsync(conversation, -1, 50, default);
        Assert.Equal(1, await GoneMessageTests.MoveAsync(node, limit: 500));

        Assert.Equal(4, await CountAsync("chat.gone_messages"));
        var after = await node.Get<ITimeline>().EntriesAsync(conversation, -1, 50, default);
        Assert.Equivalent(before, after, strict: true);
        await history.SendAsync(conversation, ann);
        await node.CaughtUpAsync(history.Head); // Whichever of the two leads.
        Assert.Equal(2, Assert.Single((await node.Get<IInbox>().PageAsync(ben, null, 9, default)).Items).Unread);
        await node.Get<IDocumentStore>().Storage.Database.AssertDatabaseMatchesConfigurationAsync();
    }

    [Fact]
    public async Task What_a_version_before_left_of_gone_messages_and_erased_users_is_deleted()
    {
        var history = new History(Log);
        var (ann, ben) = (History.SomeUser(), History.SomeUser());
        await using (var old = await StartNodeAsync())
        {
            var conversation = await history.StartAsync(ann, ben);
            await history.SendAsync(conversation, ann);
            await history.SendAsync(conversation, ben);
            await history.ReadAsync(conversation, ann, 2);
            await history.KeepAsync(conversation, ann, new(Pinned: true, Archived: false, MutedUntil: null));
            await history.ExpireAsync(conversation, 1);
            await old.CaughtUpAsync(history.Head);
        }

        string[] tables = ["watchable", "conversation_settings", "watermarks"];
        foreach (var table in tables)
            Assert.Equal(1, await CountAsync($"chat.{table} WHERE user_id = '{ann}'"));
        await Views.ExecuteAsync(
            $"""
            DROP TABLE chat.gone_messages;
            DROP TABLE chat.gone_authors;
            UPDATE chat.timeline SET reply_to = gen_random_uuid(), deleted_at = now() WHERE message_id IS NOT NULL;
            INSERT INTO chat.erased_users VALUES ('{ann}');
            """);
        await using var node = await StartNodeAsync();

        foreach (var table in tables)
            Assert.Equal(0, await CountAsync($"chat.{table} WHERE user_id = '{ann}'"));
        Assert.Equal(1, await CountAsync($"chat.watchable WHERE user_id = '{ben}'"));
        Assert.Equal(1, await CountAsync("chat.timeline WHERE reply_to IS NOT NULL AND deleted_at IS NOT NULL"));
        Assert.Equal(
            1, await CountAsync("chat.timeline WHERE expired_at IS NOT NULL AND reply_to IS NULL AND deleted_at IS NULL"));
    }

    [Fact]
    public async Task What_was_written_before_groups_came_is_shown_as_ever_and_goes_on()
    {
        var history = new History(Log);
        var (ann, ben) = (History.SomeUser(), History.SomeUser());
        ConversationId conversation;
        IReadOnlyList<TimelineEntry> before;
        await using (var old = await StartNodeAsync())
        {
            conversation = await history.StartAsync(ann, ben);
            await history.SendAsync(conversation, ann);
            await old.CaughtUpAsync(history.Head);
            before = await old.Get<ITimeline>().EntriesAsync(conversation, -1, 50, default);
        }

        await Views.ExecuteAsync(BeforeGroups);
        await using var node = await StartNodeAsync();
        var after = await node.Get<ITimeline>().EntriesAsync(conversation, -1, 50, default);

        Assert.Equal(2, after.Count);
        Assert.Equivalent(before, after, strict: true);
        var started = Assert.IsType<ConversationEvent.ConversationStarted>(after[0].Update);
        Assert.Equal([ann, ben], started.Members.AsEnumerable());
        Assert.Equal(1, Assert.Single((await node.Get<IInbox>().PageAsync(ben, null, 9, default)).Items).Unread);
        var message = history.Facts[^1];
        await history.TryAsync(
            conversation, ann, new ConversationCommand.DeleteMessage(ann, history.FactsOf(message, ann)));
        await node.CaughtUpAsync(history.Head);
        Assert.NotNull((await node.Get<ITimeline>().EntriesAsync(conversation, 0, 1, default))[0].Message!.DeletedAt);
        Assert.Equal(0, Assert.Single((await node.Get<IInbox>().PageAsync(ben, null, 9, default)).Items).Unread);
    }

    [Fact]
    public async Task Members_who_were_erased_before_they_were_left_out_of_unread_counts_are_left_out()
    {
        var history = new History(Log);
        var (ann, ben) = (History.SomeUser(), History.SomeUser());
        await using (var old = await StartNodeAsync())
        {
            await history.RegisterAsync(ann);
            await history.SendAsync(await history.StartAsync(ann, ben), ann);
            await history.EraseAsync(ann);
            await old.CaughtUpAsync(history.Head);
        }

        var before = await Views.DumpAsync();
        await Views.ExecuteAsync("DROP TABLE chat.erased_members; DROP TABLE chat.erased_users");
        await using var node = await StartNodeAsync();

        Assert.Equal(before, await Views.DumpAsync());
        Assert.Equal(0, Assert.Single((await node.Get<IInbox>().PageAsync(ben, null, 9, default)).Items).Unread);
        await node.Get<IDocumentStore>().Storage.Database.AssertDatabaseMatchesConfigurationAsync();
    }

    [Fact]
    public async Task What_entries_of_before_audits_change_is_noted()
    {
        var history = new History(Log, seed: 11);
        await using (var old = await StartNodeAsync())
        {
            await history.HappenAsync([.. Enumerable.Range(0, 5).Select(_ => History.SomeUser())], events: 400);
            await old.CaughtUpAsync(history.Head);
        }

        const string Targets =
            "SELECT concat_ws(' ', conversation_id, seq, kind, target_seq) FROM chat.timeline ORDER BY 1";
        var before = await Views.TextsAsync(Targets);
        foreach (var kind in new[] { "message_edited", "message_deleted", "reaction_set", "vote_set", "member_added",
            "messages_expired", "retention_changed" })
            Assert.NotEqual(0, await CountAsync($"chat.timeline WHERE kind = '{kind}' AND target_seq IS NOT NULL"));
        await Views.ExecuteAsync("ALTER TABLE chat.timeline DROP COLUMN target_seq");
        await using var node = await StartNodeAsync();

        Assert.Equal(before, await Views.TextsAsync(Targets));
        await node.Get<IDocumentStore>().Storage.Database.AssertDatabaseMatchesConfigurationAsync();
    }

    [Fact]
    public async Task An_index_that_came_later_is_built_once_though_two_nodes_start_and_writers_do_not_wait_for_it()
    {
        await using (await StartNodeAsync())
        {
        }

        await Views.ExecuteAsync("DROP INDEX chat.timeline_unread");
        await using var source = NpgsqlDataSource.Create(Database.ConnectionString);
        Task<Node>[] starting;
        long built;
        await using (var writer = await source.OpenConnectionAsync())
        await using (await writer.BeginTransactionAsync())
        {
            await using var write = new NpgsqlCommand(SomeEntry, writer);
            await write.ExecuteNonQueryAsync();
            starting = [StartNodeAsync(), StartNodeAsync()];
            await Eventually.IsTrue(
                async () => await CountAsync("pg_class WHERE relname = 'timeline_unread'") == 1,
                "the index is being built");
            await Eventually.IsTrue(
                async () => await CountAsync(
                    $"pg_stat_activity WHERE application_name = 'chatcqrs-schema' AND {OlderThanDeadlockTimeout}") == 2,
                "the other node waits");
            await Views.ExecuteAsync(SomeEntry);
            Assert.Equal(0, await CountAsync($"{UnreadIndex} AND indisvalid"));
            built = await Views.NumberAsync("SELECT 'chat.timeline_unread'::regclass::oid::bigint");
        }

        foreach (var start in starting)
        {
            await using var node = await start;
            await node.Get<IDocumentStore>().Storage.Database.AssertDatabaseMatchesConfigurationAsync();
        }

        Assert.Equal(built, await Views.NumberAsync("SELECT 'chat.timeline_unread'::regclass::oid::bigint"));
        Assert.Equal(1, await CountAsync($"{UnreadIndex} AND indisvalid"));
    }

    [Fact]
    public async Task An_index_whose_build_was_cut_short_is_built_anew_and_one_that_is_there_is_not()
    {
        await using (await StartNodeAsync())
        {
        }

        await Views.ExecuteAsync(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'chat.timeline_unread'::regclass");
        var before = await IndexesAsync();
        await using var node = await StartNodeAsync();
        var after = await IndexesAsync();

        Assert.Equal("timeline_unread", Assert.Single(before.Except(after)).Split(' ')[0]);
        Assert.Equal(before.Count, after.Count);
        Assert.Equal(0, await CountAsync("pg_index WHERE NOT indisvalid"));
        await node.Get<IDocumentStore>().Storage.Database.AssertDatabaseMatchesConfigurationAsync();

        Task<List<string>> IndexesAsync() => Views.TextsAsync(
            """
            SELECT relname || ' ' || oid FROM pg_class
            WHERE relkind = 'i' AND relnamespace = 'chat'::regnamespace ORDER BY relname
            """);
    }

    private Task<long> CountAsync(string rows) => Views.NumberAsync($"SELECT count(*) FROM {rows}");
}
