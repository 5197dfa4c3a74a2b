using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Testing;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Postgres;

/// <summary>The guarantees of the log on PostgreSQL beyond the common contract.</summary>
public sealed class PostgresEventStoreTests(LogDatabase database) : IClassFixture<LogDatabase>
{
    private const string Waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'";

    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Positions_have_no_gaps_and_an_append_that_is_rolled_back_leaves_none()
    {
        var store = database.Store();
        var before = await store.HeadAsync(None);
        await using (var late = await database.AppendAndWaitAsync(Some.Stream()))
            await late.Transaction.RollbackAsync();

        var first = await AppendAsync(store, Some.Stream(), StreamAppend.NoStream, 3);
        var second = await AppendAsync(store, Some.Stream(), StreamAppend.NoStream, 1);

        Assert.Equal([before.Value + 3, before.Value + 4], [first.Position.Value, second.Position.Value]);
    }

    [Fact]
    public async Task What_commits_late_is_never_passed_by_what_was_appended_after_it()
    {
        var (store, other) = (database.Store(), database.Store());
        var (slow, fast, head) = (Some.Stream(), Some.Stream(), await store.HeadAsync(None));
        await using var late = await database.AppendAndWaitAsync(slow);
        var appending = AppendAsync(store, fast, StreamAppend.NoStream, 2);
        await Eventually.IsTrue(
            async () => await database.ScalarAsync<long>(Waiting) > 0, "the second append waits for the first");
        Assert.False(appending.IsCompleted);
        Assert.Equal(head, await other.HeadAsync(None));

        await late.Transaction.CommitAsync();
        await appending;

        var seen = await TakeAsync(other, head, 3);
        Assert.Equal([(slow, 0L), (fast, 0), (fast, 1)], seen.Select(e => (e.Stream, e.Revision)));
        Assert.Equal((ulong)late.Position, seen[0].Position.Value);
    }

    public static TheoryData<string> Kinds => ["append", "read", "feed", "read apart", "look"];

    /// <summary>A projection that catches up starves no writer, and writers starve no projection.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Each_kind_of_work_has_connections_of_its_own(string busy)
    {
        var (store, stream) = ((PostgresEventStore)database.Store(), Some.Stream());
        await AppendAsync(store, stream, StreamAppend.NoStream, 1);
        var pool = busy switch
        {
            "append" => store.Connections.Appends,
            "read" => store.Connections.Reads,
            "look" => store.Connections.Looks,
            _ => store.Connections.Feeds,
        };
        var held = new List<NpgsqlConnection>();
        while (held.Count < new NpgsqlConnectionStringBuilder(pool.ConnectionString).MaxPoolSize)
            held.Add(await pool.OpenConnectionAsync());

        if (busy != "append")
            await AppendAsync(store, Some.Stream(), StreamAppend.NoStream, 1);
        if (busy != "read")
            Assert.Single(await store.ReadStreamAsync(stream, 0, ReadDirection.Forwards, 10, None));
        if (busy is not ("feed" or "read apart"))
        {
            Assert.Single(await ((IReadsApart)store).ReadApartAsync(stream, 0, 10, None));
            Assert.NotEmpty(await TakeAsync(store, LogPosition.Start, 1));
        }

        if (busy != "look")
            Assert.NotEqual(LogPosition.Start, await store.HeadAsync(None));
        foreach (var connection in held)
            await connection.DisposeAsync();
    }

    [Fact]
    public async Task An_append_that_would_wait_for_too_long_says_that_the_store_is_not_available()
    {
        var (store, stream) = (database.Store(), Some.Stream());
        StreamAppend[] batch = [new(stream, StreamAppend.NoStream, Some.Events(1))];
        await using (await database.AppendAndWaitAsync(Some.Stream()))
        {
            await Assert.ThrowsAsync<StoreUnavailableException>(
                () => store.AppendAsync(batch, None).WaitAsync(Eventually.Deadline));
        }

        Assert.IsType<AppendOutcome.Appended>((await store.AppendAsync(batch, None))[0]);
    }

    [Fact]
    public async Task An_append_whose_connection_is_cut_off_in_the_middle_can_be_repeated_and_happens_once()
    {
        var (store, stream, head) = (database.Store(), Some.Stream(), await database.Store().HeadAsync(None));
        StreamAppend[] batch = [new(stream, StreamAppend.NoStream, Some.Events(3))];
        Task<IReadOnlyList<AppendOutcome>> appending;
        await using (await database.AppendAndWaitAsync(Some.Stream()))
        {
            appending = store.AppendAsync(batch, None);
            await Eventually.IsTrue(
                async () => await database.ScalarAsync<long>(Waiting) > 0, "the append is in the middle");
            await database.ExecuteAsync(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event = 'advisory'
                """);
            await Assert.ThrowsAsync<StoreUnavailableException>(() => appending);
        }

        await RepeatAsync(() => store.AppendAsync(batch, None));
        await RepeatAsync(() => store.AppendAsync(batch, None));

        Assert.Equal(batch[0].Events.Select(e => e.EventId), (await TakeAsync(store, head, 3)).Select(e => e.EventId));
        Assert.Equal(head.Value + 3, (await store.HeadAsync(None)).Value);
    }

    [Fact]
    public async Task A_subscription_ends_with_the_connection_and_a_new_one_goes_on_where_it_was()
    {
        var (store, stream, head) = (database.Store(), Some.Stream(), await database.Store().HeadAsync(None));
        await AppendAsync(store, stream, StreamAppend.NoStream, 2);
        await using var following = store.SubscribeAllAsync(head, None).GetAsyncEnumerator();
        Assert.True(await following.MoveNextAsync());
        var last = following.Current[^1].Position;

        var next = following.MoveNextAsync().AsTask();
        await Eventually.IsTrue(
            async () =>
            {
                await database.ExecuteAsync(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    """);
                return next.IsCompleted;
            },
            "the subscription notices");
        await Assert.ThrowsAsync<StoreUnavailableException>(() => next);

        await RepeatAsync(() => store.AppendAsync([new StreamAppend(stream, 1, Some.Events(1))], None));
        var resumed = Assert.Single(await TakeAsync(database.Store(), last, 1));
        Assert.Equal((stream, 2L), (resumed.Stream, resumed.Revision));
    }

    [Fact]
    public async Task Two_nodes_that_append_to_the_same_streams_never_wait_for_each_other_for_ever_and_leave_no_gap()
    {
        const int Rounds = 40;
        string[] streams = [.. Enumerable.Range(0, 8).Select(_ => Some.Stream())];
        var appended = await Task.WhenAll(Enumerable.Range(0, 4).Select(async writer =>
        {
            var (store, count) = (database.Store(), 0);
            var revisions = streams.ToDictionary(stream => stream, _ => StreamAppend.NoStream);
            var order = writer % 2 == 0 ? streams : [.. streams.Reverse()];
            for (var round = 0; round < Rounds; round++)
            {
                var outcomes = await store.AppendAsync(
                    [.. order.Select(stream => new StreamAppend(stream, revisions[stream], Some.Events(2)))], None);
                foreach (var (stream, outcome) in order.Zip(outcomes))
                {
                    count += outcome is AppendOutcome.Appended ? 2 : 0;
                    revisions[stream] = outcome switch
                    {
                        AppendOutcome.Appended(var last, _) => last,
                        AppendOutcome.Conflict(var actual) => actual,
                        _ => throw new InvalidOperationException(),
                    };
                }
            }

            return count;
        }));

        var stored = 0;
        foreach (var stream in streams)
        {
            var events = await database.Store().ReadStreamAsync(stream, 0, ReadDirection.Forwards, int.MaxValue, None);
            Assert.Equal(Enumerable.Range(0, events.Count).Select(n => (long)n), events.Select(e => e.Revision));
            Assert.Equal(events.Select(e => e.Position), events.Select(e => e.Position).Order());
            stored += events.Count;
        }

        Assert.Equal(appended.Sum(), stored);
    }

    [Fact]
    public async Task A_position_is_never_given_away_twice_even_when_the_last_event_was_truncated()
    {
        var (store, stream) = (database.Store(), Some.Stream());
        var last = await AppendAsync(store, stream, StreamAppend.NoStream, 3);
        await store.TruncateAsync(stream, long.MaxValue, None);

        var next = await AppendAsync(store, stream, 2, 1);

        Assert.Equal((last.Position.Value + 1, 3L), (next.Position.Value, next.LastRevision));
    }

    [Fact]
    public async Task What_is_truncated_is_deleted_however_much_it_is()
    {
        var (store, stream) = (database.Store(), Some.Stream());
        await AppendAsync(store, stream, StreamAppend.NoStream, 2_345);

        await store.TruncateAsync(stream, 2_340, None);

        Assert.Equal(5, await StoredAsync(stream));
    }

    [Fact]
    public async Task What_a_truncation_could_not_delete_is_hidden_and_goes_with_the_next()
    {
        var (store, stream, head) = (database.Store(), Some.Stream(), await database.Store().HeadAsync(None));
        await AppendAsync(store, stream, StreamAppend.NoStream, 5);
        await database.ExecuteAsync($"UPDATE chat.log_streams SET truncated_before = 3 WHERE name = '{stream}'");

        var forwards = await store.ReadStreamAsync(stream, 0, ReadDirection.Forwards, 10, None);
        var backwards = await store.ReadStreamAsync(stream, 4, ReadDirection.Backwards, 10, None);
        Assert.Equal([3L, 4], forwards.Select(e => e.Revision));
        Assert.Equal([4L, 3], backwards.Select(e => e.Revision));
        Assert.Equal([3L, 4], (await TakeAsync(store, head, 2)).Select(e => e.Revision));

        await store.TruncateAsync(stream, 3, None);
        Assert.Equal(2, await StoredAsync(stream));
    }

    [Fact]
    public async Task Large_events_are_read_a_few_at_a_time()
    {
        var (store, pages) = (database.Store(), new List<int>());
        var head = await store.HeadAsync(None);
        for (var n = 0; n < 12; n++)
        {
            await store.AppendAsync(
                [new StreamAppend(Some.Stream(), StreamAppend.NoStream, [Some.EventOf(1_000_000)])], None);
        }

        await foreach (var page in store.SubscribeAllAsync(head, Eventually.Cancelled()))
        {
            pages.Add(page.Count);
            if (pages.Sum() == 12)
                break;
        }

        Assert.Equal([5, 5, 2], pages);
    }

    [Fact]
    public async Task An_append_is_durable_also_where_the_database_is_set_to_answer_before_it_is()
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var command = connection.CreateCommand();
        command.CommandText =
            """
            SET LOCAL synchronous_commit = off;
            SELECT * FROM chat.log_append('{}','{}','{}','{}','{}','{}','{}','{}','{}')
            """;
        await command.ExecuteNonQueryAsync();
        command.CommandText = "SHOW synchronous_commit";

        Assert.Equal("on", await command.ExecuteScalarAsync());
    }

    [Fact]
    public async Task A_subscription_hears_of_what_its_own_node_appends_before_it_would_look_again()
    {
        var (store, stream, head) = (database.Store(), Some.Stream(), await database.Store().HeadAsync(None));
        await using var following = store.SubscribeAllAsync(head, None).GetAsyncEnumerator();
        for (var revision = -1; revision < 20; revision++)
        {
            var next = following.MoveNextAsync();
            await AppendAsync(store, stream, revision, 1);
            Assert.True(await next);
            Assert.Equal((stream, revision + 1L), (following.Current[0].Stream, following.Current[0].Revision));
        }
    }

    private Task<long> StoredAsync(string stream) => database.ScalarAsync<long>(
        $"""
        SELECT count(*) FROM chat.log_events
        WHERE stream_key = (SELECT key FROM chat.log_streams WHERE name = '{stream}')
        """);

    private static async Task<AppendOutcome.Appended> AppendAsync(
        IEventStore store, string stream, long expected, int count)
    {
        var append = new StreamAppend(stream, expected, Some.Events(count));
        return Assert.IsType<AppendOutcome.Appended>((await store.AppendAsync([append], None))[0]);
    }

    /// <summary>Retries until the store is available again, like its callers.</summary>
    private static Task RepeatAsync(Func<Task<IReadOnlyList<AppendOutcome>>> append) => Eventually.IsTrue(
        async () =>
        {
            try
            {
                return (await append()).All(outcome => outcome is AppendOutcome.Appended);
            }
            catch (StoreUnavailableException)
            {
                return false;
            }
        },
        "the append succeeds");

    private static async Task<List<StoredEvent>> TakeAsync(IEventStore store, LogPosition after, int count)
    {
        var taken = new List<StoredEvent>();
        await foreach (var page in store.SubscribeAllAsync(after, Eventually.Cancelled()))
        {
            taken.AddRange(page);
            if (taken.Count >= count)
                break;
        }

        return taken;
    }
}
