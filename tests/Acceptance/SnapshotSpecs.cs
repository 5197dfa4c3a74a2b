using System.Text.Json.Nodes;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>A client that reads a snapshot once and then applies frames stays up to date.</summary>
public sealed class SnapshotSpecs(Product product) : IClassFixture<Product>
{
    private const int Steps = 70;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_snapshot_plus_later_frames_equals_a_fresh_snapshot(int seed)
    {
        var random = new Random(seed);
        var (ada, bob) = await product.PairAsync();
        var (cat, dan) = (await product.RegisterAsync("Cat"), await product.RegisterAsync("Dan"));
        var group = await Group.StartAsync(ada, "First title", bob, cat);
        await using var socket = await bob.ConnectAsync();
        var said = new List<(Person By, Sent Sent)>();
        var kept = await Kept.AskAsync(bob, group);
        var taken = random.Next(Steps);
        for (var step = 0; step < Steps; step++)
        {
            if (step == taken) kept = await Kept.AskAsync(bob, group);
            await HappenAsync(step);
        }

        var fresh = await Kept.AskAsync(bob, group);
        if (fresh.LastSeq > 0)
            await socket.NextAsync(
                f => (f.Is("message", group.Id) || f.Is("update", group.Id)) && f.Body.Number("seq") == fresh.LastSeq,
                "the last entry");
        foreach (var frame in socket.Frames().Where(f => f.Is("message", group.Id) || f.Is("update", group.Id)))
            kept.Follow(JsonNode.Parse(frame.Body.GetRawText())!.AsObject());

        Assert.Equal(fresh.ToString(), kept.ToString());

        async Task HappenAsync(int step)
        {
            var people = new[] { ada, bob, cat, dan };
            var who = people[random.Next(people.Length)];
            var other = people[random.Next(people.Length)];
            var (by, message) = said.Count == 0 ? (who, null) : said[random.Next(said.Count)];
            switch (random.Next(11))
            {
                case < 3:
                    // Not Bob: his own messages come to his socket as acks, without content.
                    var speaker = who == bob ? ada : who;
                    var answer = await speaker.PostMessageAsync(Draft.In(group.Id, $"step {step}"));
                    if (answer.Status == 201) said.Add((speaker, answer.Read<Sent>()));
                    break;
                case 3 when message is not null:
                    await group.EditAsync(by, message.MessageId, $"edited in step {step}");
                    break;
                case 4 when message is not null:
                    await group.DeleteAsync(random.Next(2) == 0 ? by : who, message.MessageId);
                    break;
                case 5 or 6 when message is not null:
                    await group.ReactAsync(who, message.MessageId, random.Next(2) == 0 ? "👍" : "🎉");
                    break;
                case 7 when message is not null:
                    await group.UnreactAsync(who, message.MessageId);
                    break;
                case 8:
                    // Never fewer days than before: a shorter retention would change earlier messages.
                    await ada.PatchAsync(
                        group.Path, new { title = $"Title {step}", retention = new { days = 31 + step } });
                    break;
                case 9:
                    await group.AddAsync(ada, dan, cat);
                    await group.ChangeRoleAsync(ada, other, random.Next(2) == 0 ? "admin" : "member");
                    break;
                case 10 when other != bob && other != ada:
                    await group.RemoveAsync(random.Next(2) == 0 ? ada : other, other);
                    break;
            }
        }
    }

    /// <summary>A client's copy of a group.</summary>
    private sealed class Kept(JsonObject conversation, SortedDictionary<long, JsonObject> messages)
    {
        private static readonly string[] Shown = ["title", "members", "retention"];

        public long LastSeq { get; private set; } = conversation["last_seq"]!.GetValue<long>();

        private JsonArray Members => conversation["members"]!.AsArray();

        public static async Task<Kept> AskAsync(Person who, Group group)
        {
            var messages = new SortedDictionary<long, JsonObject>();
            var page = Parse((await who.GetAsync($"{group.Path}/messages?limit=200")).Expect(200));
            foreach (var message in page["messages"]!.AsArray())
                messages.Add(message!["seq"]!.GetValue<long>(), Bare(message.AsObject()));
            return new Kept(Parse((await who.GetAsync(group.Path)).Expect(200)), messages);
        }

        public void Follow(JsonObject frame)
        {
            var seq = frame["seq"]!.GetValue<long>();
            if (seq <= LastSeq) return;
            Assert.Equal(LastSeq + 1, seq);
            LastSeq = seq;
            if (frame["op"]!.GetValue<string>() == "message")
            {
                messages.Add(seq, Bare(frame));
                return;
            }

            var data = frame["data"]!.AsObject();
            switch (frame["kind"]!.GetValue<string>())
            {
                case "group_renamed": conversation["title"] = data["title"]!.DeepClone(); break;
                case "retention_changed": conversation["retention"] = data.DeepClone(); break;
                case "member_added":
                    Members.Add(new JsonObject
                    {
                        ["user_id"] = data["user_id"]!.DeepClone(),
                        ["role"] = data["role"]!.DeepClone(),
                        ["joined_seq"] = seq,
                    });
                    break;
                case "member_removed" or "member_left": Members.Remove(MemberOf(data)); break;
                case "role_changed": MemberOf(data)["role"] = data["role"]!.DeepClone(); break;
                case var kind: Change(messages[data["message_seq"]!.GetValue<long>()], kind, data); break;
            }
        }

        public override string ToString() => new JsonObject
        {
            ["conversation"] = new JsonObject(
                Shown.Select(name => KeyValuePair.Create(name, conversation[name]?.DeepClone()))),
            ["messages"] = new JsonArray([.. messages.Values.Select(message => message.DeepClone())]),
        }.ToJsonString();

        private static void Change(JsonObject message, string kind, JsonObject data)
        {
            var reactions = message["reactions"]!.AsObject();
            switch (kind)
            {
                case "message_edited":
                    foreach (var name in new[] { "text", "ciphertext", "edited_at" })
                        message[name] = data[name]?.DeepClone();
                    break;
                case "message_deleted":
                    foreach (var name in new[] { "text", "ciphertext", "media_object", "document" })
                        message[name] = null;
                    message["deleted_at"] = data["deleted_at"]!.DeepClone();
                    reactions.Clear();
                    break;
                default:
                    Assert.Contains(kind, new[] { "reaction_set", "reaction_cleared" });
                    var user = data["user_id"]!.GetValue<string>();
                    foreach (var (emoji, users) in reactions.ToList())
                    {
                        if (users!.AsArray().FirstOrDefault(one => one!.GetValue<string>() == user) is { } own)
                            users.AsArray().Remove(own);
                        if (users.AsArray().Count == 0) reactions.Remove(emoji);
                    }
                    if (data["emoji"]?.GetValue<string>() is { } set)
                        ((reactions[set] ??= new JsonArray()).AsArray()).Add(user);
                    break;
            }
        }

        private JsonObject MemberOf(JsonObject data)
        {
            var user = data["user_id"]!.GetValue<string>();
            return Members.Single(member => member!["user_id"]!.GetValue<string>() == user)!.AsObject();
        }

        private static JsonObject Parse(Answer answer) => JsonNode.Parse(answer.Json.GetRawText())!.AsObject();

        /// <summary>The message without its status, which follows from receipts, and with sorted fields.</summary>
        private static JsonObject Bare(JsonObject message) => new(
            message.Where(field => field.Key is not ("op" or "status"))
                .OrderBy(field => field.Key, StringComparer.Ordinal)
                .Select(field => KeyValuePair.Create(field.Key, field.Value?.DeepClone())));
    }
}
