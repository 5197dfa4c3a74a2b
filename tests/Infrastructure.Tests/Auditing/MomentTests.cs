using System.Text.Json.Nodes;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Contracts.EventStoreDb.StandIn;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Retention;
using ChatCqrs.Infrastructure.EventStoreDb;
using ChatCqrs.Infrastructure.Tests.Projecting;
using FluentValidation;
using Microsoft.Extensions.Logging.Abstractions;
using Node = ChatCqrs.Infrastructure.Tests.Projecting.Node;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>
/// States as of any moment, and replays: for random histories each state is the fold of the prefix, and the document
/// that a replay makes is the state after every line.
/// </summary>
public sealed class MomentTests : ProjectingTest
{
    private const int Events = 160;

    private static readonly UserId Ann = History.SomeUser(), Ben = History.SomeUser(), Cid = History.SomeUser();
    private static readonly UserId[] Users = [Ann, Ben, Cid, History.SomeUser(), History.SomeUser()];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task States_are_folds_of_the_prefix_and_replays_lead_to_them(int seed)
    {
        var (history, group) = await RandomAsync(Log, seed);
        await using var node = await Node.StartAsync(Database, Log, add: Auditor.Add);
        await node.CaughtUpAsync(history.Head);

        await CheckAsync(new Auditor(node), history, group);
    }

    [Fact]
    public async Task So_they_are_with_EventStoreDB_as_the_log()
    {
        await using var server = await StandInNode.StartAsync();
        using var log = new EventStoreDbEventStore(
            EventStoreDbSettings.Parse(server.ConnectionString), NullLogger<EventStoreDbEventStore>.Instance);
        var (history, group) = await RandomAsync(log, seed: 4);
        await using var node = await Node.StartAsync(Database, log, add: Auditor.Add);
        await node.CaughtUpAsync(history.Head);
        var auditor = new Auditor(node);

        await CheckAsync(auditor, history, group);
        Assert.True((await auditor.VerifyAsync(group)).Verified);
    }

    [Fact]
    public async Task Of_a_truncated_history_the_first_line_brings_what_is_known_and_the_rest_is_replayed()
    {
        var (history, group) = await RandomAsync(Log, seed: 5);
        var messages = history.MessagesOf(group).Select(fact => fact.Revision).ToList();
        await history.ExpireAsync(group, [.. messages.Take(messages.Count / 2)]);
        await using var node = await Node.StartAsync(Database, Log, add: Auditor.Add);
        await node.CaughtUpAsync(history.Head);
        await GoneMessageTests.TrimAsync(node);
        await GoneMessageTests.MoveAsync(node, 100);
        var auditor = new Auditor(node);
        var begin = (await node.Get<IAuditTimeline>().FindAsync(group, default))!.Entries.Revision;
        Assert.True(begin > 0, "Nothing was truncated.");

        var lines = await auditor.ReplayAsync(group);
        Assert.Equal(begin - 1, (long)lines[0]["seq"]!);
        await CheckLinesAsync(auditor, group, lines);
        for (var seq = 0; seq < begin; seq += 5)
        {
            var state = await auditor.StateAsync(group, seq);
            Assert.All(state["entries"]!.AsObject(), entry => Assert.NotNull(entry.Value!["gone"]));
            await CheckLinesAsync(auditor, group, await auditor.ReplayAsync(group, to: seq));
        }

        var verified = await auditor.VerifyAsync(group);
        Assert.True(verified.Verified);
        Assert.Equal(begin, verified.FromSeq);
    }

    [Fact]
    public async Task A_message_goes_when_its_time_is_over_and_not_when_a_sweep_comes()
    {
        var history = new History(Log);
        var conversation = await history.StartAsync(Ann, Ben);
        await history.SendAsync(conversation, Ann, history.Facts[^1].At.AddMilliseconds(20));
        var until = ((ConversationEvent.MessageSent)history.Facts[^1].Event).ExpiresAt!.Value;
        for (var n = 0; n < 5; n++)
            await history.SendAsync(conversation, Ben);
        await history.ExpireAsync(conversation, 1);
        await using var node = await Node.StartAsync(Database, Log, add: Auditor.Add);
        await node.CaughtUpAsync(history.Head);
        var auditor = new Auditor(node);

        Assert.Null(await GoneAsync(until.AddMilliseconds(-1)));
        Assert.Equal("expired", await GoneAsync(until));

        async Task<string?> GoneAsync(DateTimeOffset time) =>
            (string?)(await auditor.StateAsync(conversation, time: $"{time:O}"))["entries"]!["1"]!["gone"];
    }

    [Fact]
    public async Task What_was_deleted_since_stood_there_then()
    {
        var history = new History(Log);
        var conversation = await history.StartAsync(Ann, Ben);
        await history.SendAsync(conversation, Ann);
        var message = history.Facts[^1];
        await history.TryAsync(conversation, Ben, new ConversationCommand.SetReaction(
            Ben, history.FactsOf(message, Ben), "👍"));
        await history.TryAsync(conversation, Ann, new ConversationCommand.DeleteMessage(
            Ann, history.FactsOf(message, Ann)));
        await using var node = await Node.StartAsync(Database, Log, add: Auditor.Add);
        await node.CaughtUpAsync(history.Head);
        var auditor = new Auditor(node);

        var before = (await auditor.StateAsync(conversation, 2))["entries"]!["1"]!;
        Assert.Equal((true, null, 1), ((bool?)before["sealed"], (string?)before["gone"], Count(before)));
        var after = (await auditor.StateAsync(conversation, 3))["entries"]!["1"]!;
        Assert.Equal((null, "deleted", 0), ((bool?)after["sealed"], (string?)after["gone"], Count(after)));

        static int Count(JsonNode entry) => entry["reactions"]!.AsObject().Count;
    }

    [Fact]
    public async Task At_the_same_millisecond_an_entry_comes_before_a_receipt()
    {
        var history = new History(Log);
        var conversation = await history.StartAsync(Ann, Ben);
        await history.SendAsync(conversation, Ann);
        await history.ReadAsync(conversation, Ben, 0);
        var at = history.Facts[^1].At;
        await history.SendAsync(conversation, Ann);
        await using var node = await Node.StartAsync(Database, Log, add: Auditor.Add);
        await node.CaughtUpAsync(history.Head);
        await Views.ExecuteAsync($"UPDATE chat.timeline SET at = '{at:O}' WHERE seq = 1");
        var auditor = new Auditor(node);

        Assert.Equal(-1, await ReadAsync(seq: 1));
        Assert.Equal(0, await ReadAsync(seq: 2));
        Assert.Equal(0, await ReadAsync(time: $"{at:O}"));
        Assert.Equal(-1, await ReadAsync(time: $"{at.AddMilliseconds(-1):O}"));

        async Task<long> ReadAsync(long? seq = null, string? time = null) =>
            (long)(await auditor.StateAsync(conversation, seq, time))["members"]![$"{Ben}"]!["read_seq"]!;
    }

    [Fact]
    public async Task A_moment_is_that_of_an_entry_or_a_time_that_has_come()
    {
        var history = new History(Log);
        var conversation = await history.StartAsync(Ann, Ben);
        await history.SendAsync(conversation, Ann);
        var (started, sent) = (history.Facts[0].At, history.Facts[1].At);
        await using var node = await Node.StartAsync(Database, Log, add: Auditor.Add);
        await node.CaughtUpAsync(history.Head);
        var auditor = new Auditor(node);

        Assert.Equal((0, 1), (await CountAsync(sent.AddMilliseconds(-1)), await CountAsync(sent)));
        await RefusedAsync(Refusal.BeforeFirstEntry, time: $"{started.AddMilliseconds(-1):O}");
        await RefusedAsync(Refusal.SeqBeyondEnd, seq: 2);
        await Assert.ThrowsAsync<ValidationException>(
            () => auditor.StateAsync(conversation, time: $"{DateTimeOffset.UtcNow.AddMinutes(1):O}"));
        var unknown = await Assert.ThrowsAsync<RefusedException>(
            () => auditor.StateAsync(new ConversationId(Guid.NewGuid()), 0));
        Assert.Equal(Refusal.ConversationUnknown, unknown.Refusal);

        async Task<int> CountAsync(DateTimeOffset at) =>
            (await auditor.StateAsync(conversation, time: $"{at:O}"))["entries"]!.AsObject().Count;

        async Task RefusedAsync(Refusal refusal, long? seq = null, string? time = null) => Assert.Equal(
            refusal,
            (await Assert.ThrowsAsync<RefusedException>(() => auditor.StateAsync(conversation, seq, time))).Refusal);
    }

    [Fact]
    public async Task Who_joined_sees_from_their_joining_on_also_after_they_came_back()
    {
        var history = new History(Log);
        var group = await history.StartGroupAsync(Ann, Ben);
        await history.SendAsync(group, Ann);
        await history.TryAsync(group, Ann, new ConversationCommand.RemoveMember(Ann, Ben));
        await history.SendAsync(group, Ann);
        await history.TryAsync(group, Ann, new ConversationCommand.AddMembers(Ann, [Ben], 10));
        await using var node = await Node.StartAsync(Database, Log, add: Auditor.Add);
        await node.CaughtUpAsync(history.Head);
        var auditor = new Auditor(node);

        var seen = new List<long?>();
        for (var seq = 0; seq <= 4; seq++)
            seen.Add((long?)(await auditor.StateAsync(group, seq))["members"]![$"{Ben}"]?["joined_seq"]);

        Assert.Equal([0, 0, null, null, 4], seen);
    }

    private static async Task CheckAsync(Auditor auditor, History history, ConversationId group)
    {
        var last = history.Conversations[group].LastSeq;
        var lines = await auditor.ReplayAsync(group);
        Assert.Equal(last + 1, lines.Count(line => line["seq"] is not null));
        Assert.Equal(
            history.Facts.Count(fact => fact.Stream == StreamName.OfReceipts(group)),
            lines.Count(line => line["seq"] is null && (string?)line["type"] != "expiry"));
        for (var seq = 0L; seq <= last; seq++)
            AssertSame(FoldedPrefix.Of(history.Facts, group, seq), await auditor.StateAsync(group, seq), $"of {seq}");
        await CheckLinesAsync(auditor, group, lines);

        var random = new Random(1);
        for (var n = 0; n < 8; n++)
        {
            var (from, to) = (random.NextInt64(last + 1), random.NextInt64(last + 1));
            (from, to) = (Math.Min(from, to), Math.Max(from, to));
            var part = await auditor.ReplayAsync(group, from, to);
            Assert.Equal((from, to), ((long)part[0]["seq"]!, (long)part.Last(line => line["seq"] is not null)["seq"]!));
            await CheckLinesAsync(auditor, group, part, every: 20);
            await CheckLinesAsync(auditor, group, await auditor.ReplayAsync(group, to: to), every: int.MaxValue);
            var at = history.Facts[0].At.AddMilliseconds(random.Next(history.Facts.Count * 7));
            if (history.Facts.LastOrDefault(fact =>
                fact.Stream == StreamName.Of(group) && fact.At <= at) is { } entry)
            {
                AssertSame(
                    FoldedPrefix.Of(history.Facts, group, entry.Revision, at),
                    await auditor.StateAsync(group, time: $"{at:O}"), $"at {at:O}");
            }
        }

        // Inside a matter, whose keys are gone here: what cannot be opened is so in both.
        var matter = new OpenedMatter(
            default, history.Facts[history.Facts.Count / 3].At, history.Facts[^40].At, Content: true);
        await CheckLinesAsync(auditor, group, await auditor.ReplayAsync(group, matter: matter), matter, 3);
        await CheckLinesAsync(auditor, group, await auditor.ReplayAsync(group, last / 2, matter: matter), matter, 3);
    }

    /// <summary>After each line of an entry the document is the state there.</summary>
    /// <param name="every">Compares after every so many lines, and after the last one.</param>
    private static async Task CheckLinesAsync(
        Auditor auditor, ConversationId group, IReadOnlyList<JsonNode> lines, OpenedMatter? matter = null,
        int every = 1)
    {
        var document = new PatchedDocument();
        for (var n = 0; n < lines.Count; n++)
        {
            document.Apply(lines[n]);
            if (lines[n]["seq"] is { } seq && (n % every == 0 || n == lines.Count - 1))
                AssertSame(await auditor.StateAsync(group, (long)seq, matter: matter), document.Root, $"after {seq}");
        }
    }

    private static void AssertSame(JsonObject expected, JsonObject found, string where)
    {
        if (!JsonNode.DeepEquals(expected, found))
            Assert.Fail($"The document {where} differs:\n{DifferenceOf(expected, found)}");
    }

    private static string DifferenceOf(JsonNode? expected, JsonNode? found, string path = "")
    {
        if (expected is not JsonObject one || found is not JsonObject other)
            return JsonNode.DeepEquals(expected, found)
                ? ""
                : $"{path}: {expected?.ToJsonString() ?? "null"} expected, {found?.ToJsonString() ?? "null"} found\n";
        return string.Concat(one.Select(member => member.Key).Union(other.Select(member => member.Key))
            .Select(name => DifferenceOf(one[name], other[name], $"{path}/{name}")));
    }

    /// <summary>A group in which everything happens, messages and retention of a few seconds among it.</summary>
    private static async Task<(History History, ConversationId Group)> RandomAsync(IEventStore log, int seed)
    {
        var (history, random) = (new History(log, seed), new Random(seed));
        var group = await history.StartGroupAsync(Users[0], [.. Users[1..3]]);
        for (var n = 0; n < Events; n++)
            await HappenAsync(history, group, random);
        return (history, group);
    }

    private static async Task HappenAsync(History history, ConversationId group, Random random)
    {
        var state = history.Conversations[group];
        var (one, other) = (state.MemberIds[random.Next(state.MemberIds.Length)], Users[random.Next(Users.Length)]);
        var admin = state.MemberIds.First(user => state.Members[user].Role == Role.Admin);
        var now = history.Facts[^1].At;
        var messages = history.MessagesOf(group).TakeLast(20).ToList();
        var message = messages.Count == 0 ? null : messages[random.Next(messages.Count)];
        switch (random.Next(16))
        {
            case < 4:
                var lifetimes = new[] { 150, 1_900, 2_900, 100_000_000 };
                await history.SendAsync(group, one, now.AddMilliseconds(lifetimes[random.Next(lifetimes.Length)]));
                break;
            case 4:
                await history.DeliverAsync(group, one, random.NextInt64(state.LastSeq + 1), random.Next(2));
                break;
            case 5:
                await history.ReadAsync(group, one, random.NextInt64(state.LastSeq + 1), random.Next(2));
                break;
            case 6:
                await history.TryAsync(group, admin, new ConversationCommand.AddMembers(admin, [other], 1_024));
                break;
            case 7 when state.MemberIds.Length > 1:
                await history.TryAsync(group, one, new ConversationCommand.RemoveMember(one, one));
                break;
            case 8:
                await history.TryAsync(group, admin, new ConversationCommand.ChangeRole(admin, one, Role.Admin));
                break;
            case 9:
                var policy = new RetentionPolicy(null, random.Next(1, 4));
                await history.TryAsync(group, admin, new ConversationCommand.ChangeRetention(admin, policy, 30));
                break;
            case 10 or 11 when message is not null:
                await history.TryAsync(group, one, new ConversationCommand.SetReaction(
                    one, history.FactsOf(message, one), random.Next(2) == 0 ? "👍" : "🎉"));
                break;
            case 12 when message is not null:
                await history.TryAsync(group, one, new ConversationCommand.ClearReaction(
                    one, history.FactsOf(message, one)));
                break;
            case 13 when message is not null:
                await history.TryAsync(group, one, new ConversationCommand.EditMessage(
                    one, history.FactsOf(message, one), History.Sealed(),
                    new Fingerprint((UInt128)random.NextInt64()), Unchanged: false));
                break;
            case 14 when message is not null:
                await history.TryAsync(group, one, new ConversationCommand.DeleteMessage(
                    one, history.FactsOf(message, one)));
                break;
            case 15:
                await history.ExpireAsync(
                    group, [.. messages.Where(fact => history.ShownUntil(fact) <= now).Select(fact => fact.Revision)]);
                break;
        }
    }
}
