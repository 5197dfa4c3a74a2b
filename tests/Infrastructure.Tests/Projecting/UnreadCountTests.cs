using ChatCqrs.Infrastructure.ReadModels;
using ChatCqrs.Testing;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>
/// The SQL function <c>unread_count</c>, term by term, over rows that are written by hand; and beside a plain count.
/// </summary>
public sealed class UnreadCountTests(UnreadCountTests.Fixture fixture) : IClassFixture<UnreadCountTests.Fixture>
{
    private const int ExpiredMax = ReadModelFunctions.ExpiredMax;

    private readonly Guid _ann = Guid.NewGuid();
    private readonly Guid _ben = Guid.NewGuid();

    /// <summary>Her account is erased.</summary>
    private readonly Guid _eve = Guid.NewGuid();

    [Fact]
    public async Task Messages_behind_the_watermark_are_unread()
    {
        await ExpectAsync([Ann(), Ann(), Ann()], (-1, 3), (0, 2), (1, 1), (2, 0), (9, 0));
    }

    [Fact]
    public async Task The_readers_own_messages_are_not()
    {
        await ExpectAsync([Ben(), Ann(), Ben(), Ann(), Ben()], (-1, 2), (1, 1), (3, 0));
    }

    [Fact]
    public async Task Entries_that_are_no_messages_are_not()
    {
        await ExpectAsync([Update(), Update(), Ann(), Update(), Ann(), Update()], (-1, 2), (0, 2), (2, 1), (3, 1), (4, 0));
    }

    [Fact]
    public async Task Deleted_messages_are_not()
    {
        await ExpectAsync([Ann(), Ann(Fate.Deleted), Ben(Fate.Deleted), Ann()], (-1, 2), (0, 1), (1, 1));
    }

    [Fact]
    public async Task Expired_messages_among_kept_ones_are_not()
    {
        await ExpectAsync([Ann(), Ann(Fate.Expired), Ben(Fate.Expired), Ann()], (-1, 2), (0, 1), (1, 1));
    }

    [Fact]
    public async Task A_message_that_was_deleted_and_has_expired_is_left_out_once()
    {
        await ExpectAsync([Ann(), Ann(Fate.DeletedAndExpired), Ann()], (-1, 2), (0, 1));
    }

    [Fact]
    public async Task Messages_that_are_due_and_not_swept_are_not()
    {
        await ExpectAsync([Ann(), Ann(Fate.Due), Ben(Fate.Due), Ann(Fate.DeletedAndDue), Ann()], (-1, 2), (0, 1), (3, 1));
    }

    [Fact]
    public async Task What_expired_before_the_first_kept_message_is_passed_over()
    {
        await ExpectAsync([.. Enumerable.Repeat(Ann(Fate.Expired), 2 * ExpiredMax), Ann(), Ben(), Ann()], (-1, 2), (2 * ExpiredMax, 1));
    }

    [Theory]
    [InlineData(ExpiredMax - 1)]
    [InlineData(ExpiredMax)]
    [InlineData(ExpiredMax + 1)]
    public async Task Many_expired_messages_among_kept_ones_change_the_way_of_counting_not_the_count(int expired)
    {
        await ExpectAsync(
            [Ann(), .. Enumerable.Repeat(Ann(Fate.Expired), expired), Ann(Fate.Deleted), Ben(), Ann(Fate.Due), Ann(), Update(), Ann()], (-1, 3), (0, 2), (5, 2));
    }

    [Fact]
    public async Task Messages_of_erased_members_are_not()
    {
        await ExpectAsync([Eve(), Ann(), Eve(), Ben(), Eve()], (-1, 1), (1, 0), (3, 0));
        await ExpectAsync(
            [Ann(), Eve(Fate.Deleted), Eve(), Eve(Fate.Expired), Eve(Fate.Due), Ann(), Update()],
            (-1, 2), (0, 1), (5, 0));
    }

    [Theory]
    [InlineData(ExpiredMax - 1)]
    [InlineData(ExpiredMax)]
    public async Task Messages_of_erased_members_are_not_among_many_expired_ones_either(int expired)
    {
        await ExpectAsync(
            [Ann(), .. Enumerable.Repeat(Eve(Fate.Expired), expired), Eve(), Ann(), Eve(Fate.Deleted)],
            (-1, 2), (0, 1));
    }

    [Fact]
    public async Task Where_nothing_is_kept_nothing_is_unread()
    {
        await ExpectAsync([], (-1, 0));
        await ExpectAsync([Update()], (-1, 0));
        await ExpectAsync([Ann(Fate.Expired), Update(), Ann(Fate.DeletedAndExpired)], (-1, 0), (0, 0));
    }

    [Fact]
    public async Task A_conversation_whose_first_entries_are_gone_counts_the_rest()
    {
        await ExpectAsync([.. Enumerable.Repeat(Ann(), 6)], 3.., (-1, 3), (3, 2), (5, 0));
    }

    [Fact]
    public async Task Over_random_histories_it_is_what_a_plain_count_gives()
    {
        var random = new Random(20_260_113);
        for (var history = 0; history < 60; history++)
        {
            var fates = random.Next(3) == 0 ? [Fate.Kept, Fate.Expired] : Enum.GetValues<Fate>();
            var entries = Enumerable.Range(0, random.Next(1, 2 * ExpiredMax)).Select(_ => random.Next(7) switch
            {
                0 => Update(),
                6 => Eve(fates[random.Next(fates.Length)]),
                1 => Ben(fates[random.Next(fates.Length)]),
                _ => Ann(random.Next(3) == 0 ? Fate.Kept : fates[random.Next(fates.Length)]),
            }).ToArray();
            var conversation = await fixture.WriteAsync(entries, random.Next(0, entries.Length).., _eve);

            var differing = await fixture.TextsAsync(
                $"""
                SELECT r.reader || ' after ' || a.seq || ': ' || u.messages || ' instead of ' || p.messages
                FROM unnest(ARRAY['{_ann}', '{_ben}', '{Guid.NewGuid()}']::uuid[]) AS r(reader), generate_series(-1, {entries.Length}) AS a(seq),
                    LATERAL chat.unread_count('{conversation}', r.reader, a.seq) u,
                    LATERAL (
                        SELECT count(*) AS messages FROM chat.timeline t WHERE t.conversation_id = '{conversation}' AND t.seq > a.seq
                        AND t.message_id IS NOT NULL AND t.actor NOT IN (r.reader, '{_eve}') AND t.deleted_at IS NULL AND t.kept_until > now()) p
                WHERE u.messages <> p.messages
                """);
            Assert.Empty(differing);
        }
    }

    [Theory]
    [InlineData("SELECT u.messages FROM chat.conversations c, LATERAL chat.unread_count(c.id, c.id, c.last_seq) u")]
    [InlineData("SELECT m.left_seq FROM chat.members() m WHERE m.user_id = gen_random_uuid()")]
    public async Task Functions_of_the_read_models_are_inlined(string sql)
    {
        var plan = string.Join('\n', await fixture.TextsAsync($"EXPLAIN {sql}"));
        Assert.Contains("Scan", plan, StringComparison.Ordinal);
        Assert.DoesNotMatch("Function Scan on (unread_count|members)", plan);
    }

    private Entry Ann(Fate fate = Fate.Kept) => new(_ann, fate);

    private Entry Ben(Fate fate = Fate.Kept) => new(_ben, fate);

    private Entry Eve(Fate fate = Fate.Kept) => new(_eve, fate);

    private static Entry Update() => new(null, default);

    private Task ExpectAsync(Entry[] entries, params (long After, long Unread)[] expected) => ExpectAsync(entries, .., expected);

    /// <summary>What is unread for Ben, behind each of some entries.</summary>
    private async Task ExpectAsync(Entry[] entries, Range rows, params (long After, long Unread)[] expected)
    {
        var conversation = await fixture.WriteAsync(entries, rows, _eve);
        var counted = await fixture.TextsAsync(
            $"""
            SELECT a.seq || ': ' || u.messages FROM unnest(ARRAY[{string.Join(", ", expected.Select(row => row.After))}]::bigint[]) AS a(seq),
                LATERAL chat.unread_count('{conversation}', '{_ben}', a.seq) u
            """);
        Assert.Equal(expected.Select(row => $"{row.After}: {row.Unread}"), counted);
    }

    /// <summary>What became of a message.</summary>
    public enum Fate
    {
        Kept,
        Deleted,
        Expired,
        DeletedAndExpired,
        Due,
        DeletedAndDue,
    }

    /// <param name="Author">Null for an entry that is no message.</param>
    public sealed record Entry(Guid? Author, Fate Fate);

    /// <summary>A database with the read models' tables, empty but for what a test writes.</summary>
    public sealed class Fixture : IAsyncLifetime
    {
        private TestDatabase? _database;
        private NpgsqlDataSource? _source;

        public async Task InitializeAsync()
        {
            _database = await Node.DatabaseAsync();
            _source = NpgsqlDataSource.Create(_database.ConnectionString);
        }

        public async Task DisposeAsync()
        {
            await _source!.DisposeAsync();
            await _database!.DisposeAsync();
        }

        /// <summary>Writes entries as the projection numbers them, from seq 0 on; of those, only some rows.</summary>
        /// <param name="erased">A member whose account is erased.</param>
        /// <returns>The conversation.</returns>
        public async Task<Guid> WriteAsync(Entry[] entries, Range rows, Guid erased)
        {
            var conversation = Guid.NewGuid();
            await using var erase = _source!.CreateCommand("INSERT INTO chat.erased_members VALUES ($1, $2)");
            erase.Parameters.Add(new() { Value = conversation });
            erase.Parameters.Add(new() { Value = erased });
            await erase.ExecuteNonQueryAsync();
            var (number, byAuthor) = (0L, new Dictionary<Guid, long>());
            var written = entries.Select((entry, seq) => (
                Seq: (long)seq,
                entry.Author,
                Number: entry.Author is null ? number : ++number,
                OfAuthor: entry.Author is { } author ? byAuthor[author] = byAuthor.GetValueOrDefault(author) + 1 : (long?)null,
                Fate: (int)entry.Fate)).ToArray()[rows];
            await using var command = _source!.CreateCommand(
                """
                INSERT INTO chat.timeline (conversation_id, seq, kind, at, actor, message_id, message_no, author_no, deleted_at, expired_at, kept_until)
                SELECT $1, e.seq, 'any', now(), e.author, CASE WHEN e.author IS NOT NULL THEN gen_random_uuid() END, e.number, e.of_author,
                    CASE WHEN e.fate IN (1, 3, 5) THEN now() END, CASE WHEN e.fate IN (2, 3) THEN now() END,
                    CASE WHEN e.author IS NULL OR e.fate IN (2, 3) THEN NULL WHEN e.fate IN (4, 5) THEN now() ELSE 'infinity'::timestamptz END
                FROM unnest($2::bigint[], $3::uuid[], $4::bigint[], $5::bigint[], $6::int[]) AS e(seq, author, number, of_author, fate)
                """);
            command.Parameters.Add(new() { Value = conversation });
            command.Parameters.Add(new() { Value = written.Select(entry => entry.Seq).ToArray() });
            command.Parameters.Add(new() { Value = written.Select(entry => entry.Author).ToArray() });
            command.Parameters.Add(new() { Value = written.Select(entry => entry.Number).ToArray() });
            command.Parameters.Add(new() { Value = written.Select(entry => entry.OfAuthor).ToArray() });
            command.Parameters.Add(new() { Value = written.Select(entry => entry.Fate).ToArray() });
            await command.ExecuteNonQueryAsync();
            return conversation;
        }

        public async Task<List<string>> TextsAsync(string sql)
        {
            var texts = new List<string>();
            await using var command = _source!.CreateCommand(sql);
            await using var row = await command.ExecuteReaderAsync();
            while (await row.ReadAsync())
                texts.Add(row.GetString(0));
            return texts;
        }
    }
}
