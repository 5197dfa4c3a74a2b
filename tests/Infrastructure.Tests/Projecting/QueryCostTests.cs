using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Media;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Infrastructure.Tests.Sealing;
using ChatCqrs.Testing;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>
/// Every list is an indexed query: among tens of thousands of rows each query reads hardly more than it shows.
/// PostgreSQL counts the rows read. A backend reports its counts when it ends, so the node stops before the comparison.
/// </summary>
public sealed class QueryCostTests : ProjectingTest
{
    /// <summary>The number of other rows.</summary>
    private const int Rows = 30_000;

    private const int Limit = 50;

    /// <summary>How many index entries one query may read: a few for each shown row.</summary>
    private const int ReadMax = 20 * Limit;

    private readonly UserId _ann = History.SomeUser();
    private readonly UserId _ben = History.SomeUser();

    /// <summary>A file that was sent to many conversations.</summary>
    private readonly FileId _sticker = new(Guid.CreateVersion7());

    private static readonly string[] Queries =
    [
        "inbox", "one", "waiting", "entries", "first entries", "newest messages", "older messages", "newer messages",
        "message", "unread", "receipts", "times", "sent", "profiles", "watchable", "files", "time", "conversations",
    ];

    /// <summary>Queries about those who look, and about what holds keep.</summary>
    private static readonly string[] QueriesOfAudits =
    [
        "accesses", "older accesses", "accesses of one", "auditors", "matters", "older matters", "ended matters",
        "holds", "member", "audited", "audited page", "changes", "marks", "list", "list of one", "held by id",
        "held by user", "held", "limiting",
    ];

    private static readonly HoldId Hold = new(Guid.CreateVersion7());

    /// <summary>Queries that list messages and must skip the places of removed ones.</summary>
    private static readonly string[] QueriesOfMessages =
        ["inbox", "one", "newest messages", "newer messages", "message", "unread"];

    /// <summary>All other rows except the newest.</summary>
    private static readonly string AllButTheNewest = $"seq BETWEEN 22 AND {Rows - 60}";

    private const string OtherSessions =
        """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
        """;

    [Fact]
    public Task Among_many_rows_few_are_read() => CostsAsync(Queries);

    [Fact]
    public Task Among_many_rows_few_are_read_for_audits() =>
        CostsAsync(
            QueriesOfAudits,
            $"""
            INSERT INTO chat.audit_accesses (id, at, auditor_id, device_id, call, conversation_id, content, without_approval)
            SELECT gen_random_uuid(), now() - n * interval '1 s', CASE WHEN n % 3000 = 0 THEN '{_ann}'::uuid WHEN n % 2 = 0 THEN '{_ben}'::uuid ELSE gen_random_uuid() END,
                gen_random_uuid(), 'state', CASE WHEN n % 2 = 0 THEN (SELECT conversation_id FROM chat.timeline LIMIT 1) ELSE gen_random_uuid() END, false, false
            FROM generate_series(1, {Rows}) n;
            INSERT INTO chat.audit_matters (id, at, by, reason, conversations, users, status, title, content, until, is_end_noted)
            SELECT gen_random_uuid(), now() - n * interval '1 s', '{_ann}', 'r', ARRAY[]::uuid[], ARRAY[]::uuid[], 'approved', 't', true, now() - n * interval '1 s', n % 3000 <> 0
            FROM generate_series(1, {Rows}) n;
            INSERT INTO chat.audit_holds (id, at, by, reason, conversations, users, status, review_at)
            SELECT gen_random_uuid(), now() - n * interval '1 s', '{_ann}', 'r', ARRAY[]::uuid[], ARRAY[]::uuid[], 'approved', now() FROM generate_series(1, {Rows}) n;
            INSERT INTO chat.held_scopes (hold_id, conversations, users, placed_at)
            SELECT '{Hold}', ARRAY[]::uuid[], ARRAY['{_ben}'::uuid], now();
            INSERT INTO chat.held_progress SELECT gen_random_uuid(), gen_random_uuid(), 1 FROM generate_series(1, {Rows});
            INSERT INTO chat.held_keys SELECT n::text, gen_random_uuid(), CASE WHEN n < 10 THEN '{_ann}'::uuid ELSE gen_random_uuid() END FROM generate_series(1, {Rows}) n;
            INSERT INTO chat.held_erasures SELECT gen_random_uuid(), gen_random_uuid() FROM generate_series(1, {Rows});
            """,
            "chat.audit_accesses, chat.audit_matters, chat.audit_holds, chat.held_scopes, chat.held_progress, "
            + "chat.held_keys, chat.held_erasures");

    [Fact]
    public Task Among_many_places_of_messages_that_are_gone_few_are_read() =>
        CostsAsync(
            QueriesOfMessages,
            $"UPDATE chat.timeline SET kept_until = NULL, expired_at = now(), content = NULL WHERE {AllButTheNewest}");

    [Fact]
    public Task Among_many_gone_messages_in_their_narrow_rows_few_are_read() =>
        CostsAsync(
            ["inbox", "one", "entries", "first entries", "newest messages", "newer messages", "unread", "sent"],
            $"""
            INSERT INTO chat.gone_authors (conversation_id, author, user_id, device)
            SELECT conversation_id, 1, actor, gen_random_uuid() FROM chat.timeline WHERE seq = 1;
            INSERT INTO chat.gone_messages (conversation_id, seq, sent_at, expires_at, message_id, fingerprint, author, type)
            SELECT conversation_id, seq, at, at, message_id, gen_random_uuid(), 1, 0 FROM chat.timeline WHERE {AllButTheNewest} OR seq = 1;
            DELETE FROM chat.message_ids i USING chat.gone_messages g WHERE g.message_id = i.message_id;
            DELETE FROM chat.timeline t USING chat.gone_messages g WHERE t.conversation_id = g.conversation_id AND t.seq = g.seq
            """,
            "chat.timeline, chat.message_ids, chat.gone_messages, chat.gone_authors");

    [Fact]
    public Task Among_many_messages_of_ones_own_few_are_read() =>
        CostsAsync(
            ["inbox", "one", "unread"],
            $"UPDATE chat.timeline SET actor = '{_ben}', author_no = seq WHERE {AllButTheNewest}");

    [Fact]
    public Task Among_many_deleted_messages_few_unread_ones_are_read() =>
        CostsAsync(["unread"], $"UPDATE chat.timeline SET deleted_at = now(), content = NULL WHERE {AllButTheNewest}");

    [Fact]
    public Task Among_many_messages_whose_time_was_shortened_few_are_read() =>
        CostsAsync(
            ["entries", "newest messages", "older messages", "newer messages", "message", "unread"],
            $$"""
            INSERT INTO chat.retention_rules (conversation_id, from_seqs, before_seqs, messages, kept_ms, shown_ms)
            SELECT DISTINCT conversation_id, '{0}'::bigint[], '{{{Rows}}}'::bigint[], '{{{Rows}}}'::bigint[], '{3000000000}'::bigint[],
                '{2000000000}'::bigint[]
            FROM chat.timeline
            """);

    private async Task CostsAsync(string[] queries, string? change = null, string changed = "chat.timeline")
    {
        var history = new History(Log);
        var conversation = await history.StartAsync(_ann, _ben);
        await history.RegisterAsync(_ann);
        var message = await history.SendAsync(conversation, _ann);
        for (var n = 0; n < 20; n++)
            await history.SendAsync(conversation, n % 2 == 0 ? _ann : _ben);
        await history.DeliverAsync(conversation, _ben, 3);
        await history.ReadAsync(conversation, _ben, 2);
        await using (var node = await StartNodeAsync())
            await node.CaughtUpAsync(history.Head);
        await FillAsync(conversation);
        if (change is not null)
            await ExecuteAsync(change, $"VACUUM ANALYZE {changed}");

        var costs = new List<(string Query, long Scanned, long Indexed)>();
        foreach (var query in queries)
        {
            var before = await CountsAsync();
            await using (var node = Node.WithoutRunner(Database, Log))
                await RunAsync(node, query, conversation, message, history.Devices[0]);
            var after = await CountsAsync();
            costs.Add((query, after.Scanned - before.Scanned, after.Indexed - before.Indexed));
        }

        Assert.All(costs, cost => Assert.True(cost.Scanned < ReadMax && cost.Indexed is > 0 and < ReadMax, $"{cost}"));
    }

    private async Task RunAsync(
        Node node, string query, ConversationId conversation, MessageId message, DeviceId device)
    {
        var (timeline, inbox, receipts) = (node.Get<ITimeline>(), node.Get<IInbox>(), node.Get<IReceipts>());
        var (audits, audited) = (node.Get<IAuditViews>(), node.Get<IAuditTimeline>());
        using var sealer = new ContentSealer(
            SealingDatabase.Secrets(node.Get<NpgsqlDataSource>()), TimeProvider.System);
        var held = new PostgresHeld(node.Get<NpgsqlDataSource>(), sealer);
        var (all, place) = (new AccessFilter(null, null, null), new AuditPlace(
            DateTimeOffset.UtcNow.AddHours(-1), Guid.Empty));
        object? found = query switch
        {
            "inbox" => await inbox.PageAsync(_ben, null, Limit, default),
            "one" => await inbox.OneAsync(_ben, conversation, default),
            "waiting" => await inbox.WaitingAsync(_ben, device, 20, default),
            "entries" => await timeline.EntriesAsync(conversation, Rows / 2, Limit, default),
            "first entries" => await timeline.EntriesAsync(conversation, -1, Limit, default),
            "newest messages" => (await timeline.MessagesAsync(conversation, 0, null, null, Limit, default)).Messages,
            "older messages" => (await timeline.MessagesAsync(conversation, 0, null, Rows / 2, Limit, default)).Messages,
            "newer messages" => (await timeline.MessagesAsync(conversation, 0, Rows / 2, null, Limit, default)).Messages,
            "message" => await timeline.MessageAsync(conversation, message, new(_ben, 0), default),
            "unread" => (await timeline.UnreadAsync(_ben, null, Limit, default)).Messages,
            "receipts" => (await receipts.OfAsync([conversation], default))[conversation].ToList(),
            "times" => await receipts.TimesAsync(conversation, 1, default),
            "sent" => await node.Get<ISentMessages>().FindAsync([(_ann, message)], conversation, default),
            "profiles" => await node.Get<IDirectory>().ProfilesAsync([_ann], default),
            "watchable" => (await inbox.WatchableAsync([(_ben, _ann), (_ann, _ben)], default)).ToList(),
            "time" => await timeline.SeqAtAsync(conversation, 0, DateTimeOffset.UtcNow.AddDays(-1), default),
            "files" => (await new PostgresMedia(node.Get<NpgsqlDataSource>(), new GarbageSignal())
                .FindForAsync([(_ben, _sticker)], default)).Single().References,
            "conversations" => (await inbox.ConversationsOfAsync([_ann, _ben], Limit, default)).ToList(),
            "accesses" => await audits.AccessesAsync(all, null, Limit, default),
            "older accesses" => await audits.AccessesAsync(all, place, Limit, default),
            "accesses of one" => await audits.AccessesAsync(all with { Auditor = _ann }, null, Limit, default),
            "auditors" => await audits.AuditorsOfAsync([conversation], default),
            "matters" => await audits.MattersAsync(null, Limit, default),
            "older matters" => await audits.MattersAsync(place, Limit, default),
            "ended matters" => await audits.EndedMattersAsync(DateTimeOffset.UtcNow, Limit, default),
            "holds" => await audits.HoldsAsync(null, Limit, default),
            "member" => await audits.WasAnyMemberAsync(conversation, [_ann], default),
            "audited" => await audited.FindAsync(conversation, default),
            "audited page" => await audited.MessagesAsync(conversation, 0, Rows / 2, true, Limit, default),
            "changes" => new object[] { await audited.ChangesAsync(conversation, [-1, 5], Rows, default) },
            "marks" => (await audited.MarksAsync(
                conversation, [_ben], Rows, DateTimeOffset.UtcNow.AddDays(1), default)).ToList(),
            "list" => (await audited.ListAsync(null, null, null, null, Limit, default)).Found,
            "list of one" => (await audited.ListAsync(_ann, null, null, null, Limit, default)).Found,
            "held by id" => await held.UnreadAsync(
                new HeldScope(Hold, new AuditScope([conversation], [], null, null), default), default),
            "held by user" => await held.UnreadAsync(
                new HeldScope(Hold, new AuditScope([], [_ben], null, null), default), default),
            "held" => await held.HoldsAsync(conversation, default),
            "limiting" => await held.LimitingAsync(_ann, default),
            _ => throw new ArgumentOutOfRangeException(nameof(query)),
        };
        Assert.NotNull(found);
        if (found is System.Collections.ICollection rows)
            Assert.NotEmpty(rows);
    }

    /// <summary>Fills the tables: a long conversation, and many conversations of other users.</summary>
    private Task FillAsync(ConversationId conversation) => ExecuteAsync(
        $"""
        INSERT INTO chat.timeline (conversation_id, seq, kind, at, actor, device, message_id, type, content, message_no, author_no, kept_until)
        SELECT '{conversation}', n, 'message', now(), CASE WHEN n % 2 = 0 THEN '{_ann}'::uuid ELSE '{_ben}'::uuid END, gen_random_uuid(), gen_random_uuid(), 0,
            '\x00', n, n / 2, now() + interval '30 days'
        FROM generate_series(22, {Rows}) n;
        INSERT INTO chat.message_ids (message_id, sender, conversation_id, seq, sent_at, fingerprint)
        SELECT message_id, actor, conversation_id, seq, at, gen_random_uuid() FROM chat.timeline WHERE seq >= 22;
        INSERT INTO chat.receipt_marks (conversation_id, user_id, is_read, up_to_seq, at)
        SELECT '{conversation}', '{_ben}', n % 2 = 0, n, now() FROM generate_series(22, {Rows}) n;
        UPDATE chat.conversations SET last_seq = {Rows}, last_message_seq = {Rows};
        INSERT INTO chat.conversations SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid()))).*
        FROM chat.conversations c, generate_series(1, {Rows / 4});
        INSERT INTO chat.mt_doc_members SELECT (jsonb_populate_record(m, jsonb_build_object(
            'id', gen_random_uuid()::text, 'user__id', gen_random_uuid(), 'conversation__id', gen_random_uuid()))).*
        FROM chat.mt_doc_members m, generate_series(1, {Rows / 4});
        INSERT INTO chat.watermarks SELECT (jsonb_populate_record(w, jsonb_build_object('conversation_id', gen_random_uuid()))).*
        FROM chat.watermarks w, generate_series(1, {Rows / 4});
        INSERT INTO chat.watchable SELECT gen_random_uuid(), '{conversation}', '{_ann}' FROM generate_series(1, {Rows / 4});
        INSERT INTO chat.watchable SELECT gen_random_uuid(), gen_random_uuid(), NULL FROM generate_series(1, {Rows / 4});
        INSERT INTO chat.mt_doc_users SELECT (jsonb_populate_record(u, jsonb_build_object('id', gen_random_uuid()::text))).*
        FROM chat.mt_doc_users u, generate_series(1, {Rows / 4});
        INSERT INTO chat.media_files (file_id, owner, sha256, file_type, content_type, uploaded_at, used_at)
        SELECT CASE WHEN n = 1 THEN '{_sticker}'::uuid ELSE gen_random_uuid() END, gen_random_uuid(), sha256(n::text::bytea), 'image', 'image/png', now(), now()
        FROM generate_series(1, {Rows / 4}) n;
        INSERT INTO chat.media_references (file_id, conversation_id, seq, message_id, at)
        SELECT '{_sticker}', CASE WHEN n = 1 THEN '{conversation}'::uuid ELSE gen_random_uuid() END, 5, gen_random_uuid(), now() FROM generate_series(1, {Rows / 4}) n;
        ANALYZE chat.media_files, chat.media_references, chat.timeline, chat.message_ids, chat.receipt_marks, chat.conversations, chat.mt_doc_members, chat.watermarks, chat.mt_doc_users, chat.watchable;
        """);

    private async Task<(long Scanned, long Indexed)> CountsAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await Eventually.IsTrue(
            async () => await ScalarAsync(OtherSessions) == 0, "all server processes have reported their counts");
        await ExecuteAsync("SELECT pg_stat_force_next_flush()");
        return (
            await SumAsync("seq_tup_read", "pg_stat_user_tables"),
            await SumAsync("idx_tup_read", "pg_stat_user_indexes"));
    }

    private Task<long> SumAsync(string column, string view) => ScalarAsync(
        $"SELECT coalesce(sum({column}), 0)::bigint FROM {view} WHERE schemaname = '{PostgresRegistration.Schema}'");

    /// <summary>Executes statements one by one; VACUUM must run alone.</summary>
    private async Task ExecuteAsync(params string[] statements)
    {
        foreach (var sql in statements)
            await ExecuteAsync(sql);
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Database.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 120 };
        await command.ExecuteNonQueryAsync();
    }

    private async Task<long> ScalarAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Database.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
