using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.Serialization;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>No run is too large for the database for good, whatever users have made it of.</summary>
public sealed class RunTests : ProjectingTest
{
    private const int Groups = 60;
    private const int GroupSize = 300;
    private const int GroupsInARun = LogFeed.RunViewsMax / GroupSize;

    private readonly UserId[] _users = [.. Enumerable.Range(0, 8_192).Select(_ => History.SomeUser())];

    /// <summary>
    /// Groups made as fast as requests come. Folding leaves the session idle for longer, the more members a run has;
    /// with all of them in one run it would be ended each time.
    /// </summary>
    [Fact]
    public async Task Many_large_groups_at_once_do_not_stop_the_views()
    {
        var history = new History(Log);
        await StartGroupsAsync(history);
        var slow = new Reaction(async facts => await Task.Delay(TimeSpan.FromMilliseconds(0.1 * MembersIn(facts))));
        await using var node = await StartAsync(slow, idleMax: TimeSpan.FromSeconds(1.2));

        await node.CaughtUpAsync(history.Head);

        Assert.Equal(Groups * GroupSize, await MembersAsync());
        Assert.All(slow.Runs, run => Assert.InRange(run, 1, GroupsInARun));
        Assert.Equal(Groups, slow.Runs.Sum());
    }

    [Fact]
    public async Task An_event_with_more_views_than_a_run_may_have_is_a_run_of_its_own()
    {
        var history = new History(Log);
        await history.HappenAsync(_users[..8], 100);
        var before = history.Facts.Count;
        var group = await history.StartGroupAsync(_users[0], _users[1..]);
        await history.SendAsync(group, _users[1]);
        await using var feed = new LogFeed(Log, new EventCodec(), ReadModelFactory.CreateAll(), default, default);

        Assert.Equal(before, (await feed.NextAsync(Patience))!.Count);
        Assert.Equal(_users.Length, MembersIn((await feed.NextAsync(Patience))!));
        Assert.Single((await feed.NextAsync(Patience))!);
        Assert.Null(await feed.NextAsync(TimeSpan.Zero));

        await using var node = await StartNodeAsync();
        await node.CaughtUpAsync(history.Head);
        Assert.Equal(_users.Length, await MembersAsync($"conversation__id = '{group.Value}'"));
    }

    [Fact]
    public async Task A_run_that_fails_is_tried_again_in_halves()
    {
        const int Bearable = 7;
        var history = new History(Log);
        await history.HappenAsync(_users[..8], 60);
        var choosy = new Reaction(facts => facts.Count <= Bearable
            ? Task.CompletedTask
            : throw new InvalidOperationException("Too many, as the test wished."));
        await using (var node = await StartAsync(choosy))
            await node.CaughtUpAsync(history.Head);

        Assert.Equal(history.Facts.Count, choosy.Runs.Sum());
        Assert.Equal(await UndisturbedAsync(history), await Views.DumpAsync());
    }

    [Fact]
    public void The_size_of_runs_halves_down_to_one_event_and_grows_again()
    {
        var size = new RunSize();
        var max = size.Max;
        Assert.True(size.Failed(events: 10));
        Assert.Equal(5, size.Max);
        Assert.True(size.Failed(events: 3));
        Assert.Equal(1, size.Max);
        Assert.False(size.Failed(events: 1));
        Assert.Equal(1, size.Max);
        for (var run = 0; run < 20; run++)
            size.Committed();
        Assert.Equal(max, size.Max);
    }

    /// <summary>From the log's start, a rebuild would meet the same run again and again.</summary>
    [Fact]
    public async Task A_rebuild_halves_its_runs_too()
    {
        const int Bearable = 7;
        var history = new History(Log);
        await history.HappenAsync(_users[..8], 200);
        await using var feed = new LogFeed(Log, new EventCodec(), ReadModelFactory.CreateAll(), default, default);
        var applied = new List<Recorded>();
        var build = new Build(feed, Log, () => history.Head, (facts, _) =>
        {
            if (facts.Count > Bearable)
                throw new RunFailedException(facts.Count, facts[^1].Position, new TimeoutException());
            applied.AddRange(facts);
            return Task.CompletedTask;
        });

        while (!await build.StepAsync(default))
            Assert.True(applied.Count <= history.Facts.Count);

        Assert.Equal(history.Facts.Select(fact => fact.EventId), applied.Select(fact => fact.EventId));
    }

    private static TimeSpan Patience => TimeSpan.FromSeconds(30);

    private static int MembersIn(IReadOnlyList<Recorded> facts) =>
        facts.Select(fact => fact.Event).OfType<ConversationEvent.ConversationStarted>().Sum(e => e.Members.Length);

    private async Task StartGroupsAsync(History history)
    {
        for (var group = 0; group < Groups; group++)
            await history.StartGroupAsync(_users[0], _users[1..GroupSize]);
    }

    private Task<Node> StartAsync(IReaction reaction, TimeSpan? idleMax = null) => Node.StartAsync(
        Database, Log, add: services => services.AddSingleton(reaction).AddSingleton(provider =>
            new ReadModelDatabase(provider.GetRequiredService<NpgsqlConnectionStringBuilder>(), idleMax)));

    private Task<long> MembersAsync(string condition = "true") =>
        Views.NumberAsync($"SELECT count(*) FROM chat.mt_doc_members WHERE {condition}");

    /// <summary>Does something in each run's transaction, and counts the events of those that it lets pass.</summary>
    private sealed class Reaction(Func<IReadOnlyList<Recorded>, Task> act) : IReaction
    {
        public List<int> Runs { get; } = [];

        public async Task ApplyAsync(
            IReadOnlyList<Recorded> facts, ReadModelSession session, NpgsqlTransaction transaction,
            CancellationToken cancellationToken)
        {
            await act(facts);
            Runs.Add(facts.Count);
        }
    }
}
