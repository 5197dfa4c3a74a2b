using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>An event that cannot be read or folded ends its own stream's views early, and nobody else's.</summary>
public sealed class SetAsideTests : ProjectingTest
{
    private readonly UserId[] _users = [.. Enumerable.Range(0, 8).Select(_ => History.SomeUser())];

    public static TheoryData<string, byte[]> Unreadable => new()
    {
        { "something-happened.v1", "{}"u8.ToArray() }, // Of a later version.
        { "message-sent.v1", [0xff, 0x00, 0x01] }, // Bad bytes.
        { "message-sent.v1", "{}"u8.ToArray() }, // Without what it must have.
        { "message-sent.v1", "null"u8.ToArray() },
    };

    [Theory]
    [MemberData(nameof(Unreadable))]
    public async Task An_event_that_cannot_be_read_is_set_aside_and_the_views_of_other_conversations_go_on(
        string type, byte[] payload)
    {
        var history = new History(Log);
        var (good, bad) = await ConversationsAsync(history);
        await using var node = await StartNodeAsync();
        var revision = await AppendAsync(bad, type, payload);

        await history.SendAsync(good, _users[0]);
        await node.CaughtUpAsync(history.Head);

        Assert.Equal(2, await MessagesAsync(good));
        Assert.Equal(1, await MessagesAsync(bad));
        Assert.Equal("running", await node.StateAsync());
        var shown = await ShownAsync(node);
        Assert.Equal((1, revision, type), (shown.Count, shown.First[0].Revision, shown.First[0].Type));
        Assert.Equal(StreamName.Of(bad), shown.First[0].Stream);
        Assert.Equal(ReadModelFactory.Names.Order(), shown.First[0].Projections);
        Assert.NotEmpty(shown.First[0].Reason);
        Assert.True(await node.ReadSide.EndsEarlyAsync(bad, CancellationToken.None));
        Assert.False(await node.ReadSide.EndsEarlyAsync(good, CancellationToken.None));
    }

    [Fact]
    public async Task What_follows_in_the_stream_is_left_out_after_a_restart_too_and_a_version_that_can_read_it_heals()
    {
        var history = new History(Log);
        var (good, bad) = await ConversationsAsync(history);
        await history.SendAsync(bad, _users[0]);
        var unreadable = history.Facts[^1].EventId;
        await using (var earlier = await StartAsync(unreadable))
        {
            await history.SendAsync(bad, _users[0]);
            await earlier.CaughtUpAsync(history.Head);
        }

        await using (var again = await StartAsync(unreadable))
        {
            await history.SendAsync(bad, _users[0]);
            await history.SendAsync(good, _users[0]);
            await again.CaughtUpAsync(history.Head);
            Assert.Equal((2, 1), (await MessagesAsync(good), await MessagesAsync(bad)));
            Assert.Equal(1, (await ShownAsync(again)).Count);
        }

        await Views.ExecuteAsync("UPDATE chat.set_aside SET version = 'another build'");
        await using var later = await StartNodeAsync();
        await Eventually.IsTrue(async () => (await ShownAsync(later)).Count == 0, "all models are built anew");
        await history.SendAsync(bad, _users[0]);
        await later.CaughtUpAsync(history.Head);

        Assert.Equal(await UndisturbedAsync(history), await Views.DumpAsync());
    }

    [Fact]
    public async Task The_same_version_builds_nothing_anew_by_itself()
    {
        var history = new History(Log);
        var (_, bad) = await ConversationsAsync(history);
        await AppendAsync(bad, "something-happened.v1", "{}"u8.ToArray());
        await using (var node = await StartNodeAsync())
            await Eventually.IsTrue(async () => (await ShownAsync(node)).Count == 1, "it is set aside");
        await using var database = new ReadModelDatabase(
            new NpgsqlConnectionStringBuilder(Database.ConnectionString) { SearchPath = "chat" });

        await SetAside.TakeUpAsync(database.Source, CancellationToken.None);

        Assert.Equal(0, await Views.NumberAsync(
            "SELECT count(*) FROM chat.checkpoints WHERE name LIKE 'rebuild:%'"));
    }

    [Theory]
    [InlineData("22000")]
    [InlineData("23505")]
    public async Task An_event_that_one_view_cannot_take_is_set_aside_and_a_rebuild_heals(string error)
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        await Eventually.IsTrue(async () => await node.StateAsync() == "running", "the leader has begun");
        var (good, bad) = await ConversationsAsync(history);
        await node.CaughtUpAsync(history.Head);
        await FailAsync(bad, error);

        await history.SendAsync(bad, _users[0]);
        await history.SendAsync(good, _users[0]);
        await history.SendAsync(bad, _users[0]);
        await node.CaughtUpAsync(history.Head);

        Assert.Equal((2, 1), (await MessagesAsync(good), await MessagesAsync(bad)));
        Assert.Equal("message-sent.v1", Assert.Single((await ShownAsync(node)).First).Type);

        foreach (var name in ReadModelFactory.Names)
            await node.Get<IProjections>().RebuildAsync(name, CancellationToken.None); // New tables, without the fault.
        await Eventually.IsTrue(async () => (await ShownAsync(node)).Count == 0, "all models are built anew");
        Assert.Equal(await UndisturbedAsync(history), await Views.DumpAsync());
    }

    [Fact]
    public async Task A_rebuild_sets_aside_too_and_goes_on()
    {
        var history = new History(Log);
        var (good, bad) = await ConversationsAsync(history);
        await history.SendAsync(bad, _users[0]);
        await using var node = await StartAsync(history.Facts[^1].EventId);
        await history.SendAsync(good, _users[0]);
        await node.CaughtUpAsync(history.Head);
        await Views.ExecuteAsync("COMMENT ON TABLE chat.timeline IS 'the old one'");
        var before = await Views.DumpAsync();

        await node.Get<IProjections>().RebuildAsync("timeline", CancellationToken.None);
        await Eventually.IsTrue(
            async () => await Views.NumberAsync(
                "SELECT count(*) FROM pg_class WHERE obj_description(oid, 'pg_class') = 'the old one'") == 0,
            "the tables have changed places");

        Assert.Equal(before, await Views.DumpAsync());
        Assert.Equal(ReadModelFactory.Names.Order(), Assert.Single((await ShownAsync(node)).First).Projections);
    }

    /// <summary>The state of the database is not an event's fault.</summary>
    [Fact]
    public async Task What_passes_is_not_set_aside()
    {
        const string DiskFull = "53100";
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var (good, bad) = await ConversationsAsync(history);
        await node.CaughtUpAsync(history.Head);
        await FailAsync(bad, DiskFull);
        await history.SendAsync(bad, _users[0]);
        await Eventually.IsTrue(async () => await node.StateAsync() == "stopped", "the runner waits");
        Assert.Equal(0, (await ShownAsync(node)).Count);

        await Views.ExecuteAsync("DROP TRIGGER fault ON chat.timeline");
        await history.SendAsync(good, _users[0]);
        await node.CaughtUpAsync(history.Head);

        Assert.Equal(await UndisturbedAsync(history), await Views.DumpAsync());
    }

    [Fact]
    public void Only_so_many_streams_are_set_aside()
    {
        var aside = new SetAside(streamsMax: 2);
        var first = Fact(revision: 3);
        aside.Add(first, "first");
        aside.Add(Fact(revision: 0), "second");
        aside.Add(first with { Revision = 4 }, "the same stream");

        Assert.Throws<SetAsideFullException>(() => aside.Add(Fact(revision: 0), "third"));
        Assert.True(aside.Holds("inbox", first with { Revision = 4 }));
        Assert.False(aside.Holds("inbox", first with { Revision = 2 }));
    }

    [Theory]
    [InlineData("22P02", true)]
    [InlineData("23505", true)]
    [InlineData("54000", true)]
    [InlineData("42P01", false)]
    [InlineData("53100", false)]
    [InlineData("57014", false)]
    [InlineData("40P01", false)]
    public void What_the_database_says_tells_whether_it_is_the_events_fault(string state, bool isOfEvent)
    {
        var failure = new PostgresException("as the test wished", "ERROR", "ERROR", state);

        Assert.Equal(isOfEvent, SetAside.IsOfEvent(failure));
        Assert.Equal(
            isOfEvent, SetAside.IsOfEvent(new RunFailedException(1, default, new InvalidOperationException("", failure))));
        Assert.False(SetAside.IsOfEvent(new RunFailedException(1, default, new ReactionFailedException(failure))));
    }

    [Fact]
    public async Task A_conversation_that_is_set_aside_is_not_truncated()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var conversation = await history.StartAsync(_users[0], _users[1]);
        await history.SendAsync(conversation, _users[0]);
        await history.ExpireAsync(conversation, 1);
        await node.CaughtUpAsync(history.Head);
        Assert.Single(await TrimsAsync());

        await AppendAsync(conversation, "something-happened.v1", "{}"u8.ToArray());
        await Eventually.IsTrue(async () => (await ShownAsync(node)).Count == 1, "it is set aside");

        Assert.Empty(await TrimsAsync());

        async Task<IReadOnlyList<LogTrim>> TrimsAsync()
        {
            await using var trims = await node.Get<IExpiry>().TrimsAsync(CancellationToken.None);
            return await trims!.NextAsync(null, 10, CancellationToken.None);
        }
    }

    private static Recorded Fact(long revision) => new(
        new UnreadableEvent("something-happened.v1", "as the test wished"),
        StreamName.Of(new ConversationId(Guid.NewGuid())), revision, new LogPosition(1), Guid.NewGuid(),
        DateTimeOffset.UnixEpoch, new Actor(null, null), ReadOnlyMemory<byte>.Empty);

    private static Task<StreamsSetAside> ShownAsync(Node node) =>
        node.Get<IProjections>().SetAsideAsync(limit: 10, CancellationToken.None);

    /// <summary>Two conversations with a message each.</summary>
    private async Task<(ConversationId Good, ConversationId Bad)> ConversationsAsync(History history)
    {
        var good = await history.StartAsync(_users[0], _users[1]);
        var bad = await history.StartAsync(_users[0], _users[2]);
        await history.SendAsync(good, _users[0]);
        await history.SendAsync(bad, _users[0]);
        return (good, bad);
    }

    private Task<long> MessagesAsync(ConversationId conversation) => Views.NumberAsync(
        $"SELECT count(*) FROM chat.timeline WHERE conversation_id = '{conversation}' AND message_id IS NOT NULL");

    /// <returns>The event's revision.</returns>
    private async Task<long> AppendAsync(ConversationId conversation, string type, byte[] payload)
    {
        var stream = StreamName.Of(conversation);
        var last = (await Log.ReadStreamAsync(stream, long.MaxValue, ReadDirection.Backwards, 1, default))[0];
        var data = new EventData(Guid.NewGuid(), type, payload, last.Metadata);
        await Log.AppendAsync([new StreamAppend(stream, last.Revision, [data])], CancellationToken.None);
        return last.Revision + 1;
    }

    /// <summary>The timeline takes no more entries of a conversation.</summary>
    private Task FailAsync(ConversationId conversation, string error) => Views.ExecuteAsync(
        $"""
        CREATE FUNCTION chat.fault() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'as the test wished' USING ERRCODE = '{error}'; END $$;
        CREATE TRIGGER fault BEFORE INSERT ON chat.timeline FOR EACH ROW
        WHEN (NEW.conversation_id = '{conversation}') EXECUTE FUNCTION chat.fault();
        """);

    /// <summary>A node of a version that cannot read an event.</summary>
    private Task<Node> StartAsync(Guid unreadable) => Node.StartAsync(
        Database, Log, add: services => services.AddSingleton<IEventCodec>(new EarlierCodec(unreadable)));

    private sealed class EarlierCodec(Guid unreadable) : IEventCodec
    {
        private readonly EventCodec _codec = new();

        public (EventData Data, ReadOnlyMemory<byte> Hash) Encode(
            object @event, EventContext context, ReadOnlyMemory<byte> previousHash) =>
            _codec.Encode(@event, context, previousHash);

        public bool IsLinked(StoredEvent stored, ReadOnlyMemory<byte> previousHash) =>
            _codec.IsLinked(stored, previousHash);

        public Type? TypeOf(string wireName) => _codec.TypeOf(wireName);

        public ReadOnlyMemory<byte> HashOf(StoredEvent stored) => _codec.HashOf(stored);

        public Recorded Decode(StoredEvent stored) => stored.EventId == unreadable
            ? throw new FormatException("as the test wished")
            : _codec.Decode(stored);
    }
}
