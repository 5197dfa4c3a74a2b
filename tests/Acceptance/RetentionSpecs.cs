using System.Security.Cryptography;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;
using Npgsql;

namespace ChatCqrs.Acceptance;

/// <summary>Expired messages are gone from every view and store; order, retries and counts still hold.</summary>
public sealed class RetentionSpecs
{
    private const int Timer = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    [OwnServerFact]
    public async Task Expired_messages_are_in_no_view_and_opened_by_no_remaining_key()
    {
        await using var deployment = await HastyAsync();
        await using var server = await ServerProcess.StartAsync(deployment);
        var marker = "Numbat" + Convert.ToHexString(RandomNumberGenerator.GetBytes(9));
        var (ada, bob) = (await Person.RegisterAsync(server.Api), await Person.RegisterAsync(server.Api, name: "Bob"));
        var kept = await ada.SayAsync(bob, "this stays for thirty days");
        var chat = kept.ConversationId;
        await DisappearAsync(ada, chat, Timer);
        var offline = await bob.AddDeviceAsync();
        await using var bobs = await bob.ConnectAsync();
        var draft = Draft.In(chat, $"for a moment: {marker}");
        var posted = (await ada.PostMessageAsync(draft)).Expect(201);
        var sent = posted.Read<Sent>();
        var edited = (await ada.PostMessageAsync(Draft.In(chat, "to be edited"))).Expect(201).Read<Sent>();
        (await ada.PatchAsync(
            $"/v1/conversations/{chat}/messages/{edited.MessageId}", new { text = $"edited: {marker}" })).Expect(200);

        // Before expiry: members read the message; no store holds it in plain.
        Assert.Equal($"for a moment: {marker}", (await bobs.MessageAsync(sent.MessageId)).Text);
        Assert.NotNull(
            (await bob.GetAsync($"/v1/conversations/{chat}/messages/{sent.MessageId}", posted.Position))
                .Expect(200).Json.Text("expires_at"));
        var before = await deployment.Stored().SearchAsync(marker);
        Assert.True(before.Plain.Count == 0 && before.Opened.Count > 0, $"Only the keys open it: {before}");

        var gone = await bobs.NextAsync(
            frame => frame.Is("update", chat) && frame.Body.Text("kind") == "messages_expired",
            "the messages go",
            within: Patience);
        Assert.Contains(
            sent.Seq, gone.Body.GetProperty("data").GetProperty("seqs").EnumerateArray().Select(seq => seq.GetInt64()));
        Assert.Contains(
            sent.MessageId,
            gone.Body.GetProperty("data").GetProperty("message_ids").EnumerateArray().Select(id => id.GetGuid()));

        // After expiry: no list and no request shows the text. Every seq keeps its entry, and a retry gets its answer.
        var last = await Eventually.GetAsync(
            async () => await bob.TimelineAsync(chat), entries => Unsaid(entries, sent) && Unsaid(entries, edited),
            "both are gone", Patience);
        Assert.DoesNotContain(
            last,
            entry => entry.Message?.Text?.Contains(marker, StringComparison.Ordinal) == true
                || entry.Data?.GetRawText().Contains(marker, StringComparison.Ordinal) == true);
        Assert.Equal("this stays for thirty days", last[(int)kept.Seq].Message!.Text);
        Assert.Equal(
            (sent.MessageId, ada.Id), (last[(int)sent.Seq].Message!.MessageId, last[(int)sent.Seq].Message!.SenderId));
        Assert.Equal(
            [kept.MessageId],
            (await bob.GetAsync($"/v1/conversations/{chat}/messages"))
                .Expect(200).Json.GetProperty("messages").EnumerateArray().Select(m => m.Id("message_id")));
        (await ada.GetAsync($"/v1/conversations/{chat}/messages/{sent.MessageId}")).Expect(404);
        (await ada.PatchAsync($"/v1/conversations/{chat}/messages/{sent.MessageId}", new { text = "too late" }))
            .Expect(404);
        await AgreesAsync(bob, chat, unread: 1, lastMessage: kept.MessageId);
        Assert.Equal(sent, (await ada.PostMessageAsync(draft)).Expect(200).Read<Sent>());
        (await ada.PostMessageAsync(draft.With("text", "another"))).Expect(409, "message_id_reused");

        // No remaining key opens a stored byte of it. The rest of the log is unbroken.
        await Eventually.GetAsync(
            async () => await deployment.Stored().SearchAsync(marker),
            found => found.Plain.Count + found.Opened.Count == 0, "no key opens it", Patience);
        await deployment.IsUnbrokenAsync(chat);
        var log = server.Output;
        Assert.DoesNotContain(marker, log, StringComparison.Ordinal);

        // A device that was offline all the time gets every entry, without expired content.
        await using var late = await offline.ConnectAsync();
        late.KeptOrder();
        Assert.Equal(Enumerable.Range(0, last.Count).Select(n => (long)n), EntriesOf(late, chat).Take(last.Count));
        Assert.DoesNotContain(late.Frames(), frame => frame.Raw.Contains(marker, StringComparison.Ordinal));
    }

    [OwnServerFact]
    public async Task The_log_is_truncated_after_expiry_and_the_conversation_goes_on()
    {
        await using var deployment = await HastyAsync();
        await using var server = await ServerProcess.StartAsync(deployment);
        var (ada, bob) = (await Person.RegisterAsync(server.Api), await Person.RegisterAsync(server.Api, name: "Bob"));
        var chat = (await ada.PostAsync("/v1/conversations", new { type = "direct", member_ids = new[] { bob.Id } }))
            .Expect(201).Json.Id("conversation_id");
        await DisappearAsync(ada, chat, Timer);
        var first = await ada.SayAsync(bob, "to begin with");
        var drafts = Enumerable.Range(0, 150).Select(n => Draft.In(chat, $"message {n}")).ToList();
        await using (var adas = await ada.ConnectAsync())
        {
            foreach (var draft in drafts) await adas.SendAsync(draft);
            await adas.AckAsync(drafts[^1].Id);
        }
        await DisappearAsync(ada, chat, 3_600); // For later messages.
        await Eventually.GetAsync(
            async () => await ada.TimelineAsync(chat),
            entries => entries.All(
                entry => entry.Message?.Text?.StartsWith("message", StringComparison.Ordinal) != true),
            "all are gone",
            Patience);
        var stays = await bob.SayAsync(ada, "and it goes on");
        await Eventually.BeAsync(
            async () => Surroundings.EventStore is not null || await LogLengthAsync(deployment, chat) < 30,
            "the log is short",
            Patience);
        Assert.Equal("and it goes on", (await ada.MessageAsync(chat, stays.MessageId)).Text);
        await DisappearAsync(ada, chat, Timer); // Shorter: also for messages that have a timer.
        await Eventually.BeAsync(
            async () => (await ada.GetAsync($"/v1/conversations/{chat}/messages/{stays.MessageId}")).Status == 404,
            "that goes, too",
            Patience);

        var before = await SeenAsync(ada, chat);
        await deployment.IsUnbrokenAsync(chat, from: 100);
        await server.KillAsync();
        await server.StartAsync();

        var admin = await Person.RegisterAsync(server.Api, Phones.Admin, "Admin");
        foreach (var name in (string[])["timeline", "inbox", "receipts", "media", "snapshots"])
        {
            (await admin.PostAsync($"/v1/admin/projections/{name}/rebuild", null)).Expect(200, 202, 204);
            await Eventually.BeAsync(
                async () =>
                    (await admin.GetAsync("/v1/admin/projections")).Expect(200).Json.GetProperty("projections")
                        .EnumerateArray().Single(p => p.Text("name") == name).Text("state") == "running",
                $"{name} is rebuilt", Patience);
        }
        Assert.Equal(Skeleton(before), Skeleton(await SeenAsync(ada, chat)).Take(before.Count));
        Assert.Equal(
            first,
            (await ada.PostMessageAsync(Draft.To(bob.Id, "to begin with", first.MessageId))).Expect(200).Read<Sent>());
        Assert.Equal(drafts[7].Id, (await ada.PostMessageAsync(drafts[7])).Expect(200).Read<Sent>().MessageId);
        var next = await ada.SayAsync(bob, "still the same conversation");
        Assert.Equal(before[^1].Seq < next.Seq, next.ConversationId == chat && next.Seq > stays.Seq);
        await using var late = await (await bob.AddDeviceAsync()).ConnectAsync();
        late.KeptOrder();
        Assert.Equal(
            Enumerable.Range(0, (int)next.Seq + 1).Select(n => (long)n), EntriesOf(late, chat).Take((int)next.Seq + 1));
    }

    [OwnServerFact]
    public async Task Each_message_expires_once_across_two_nodes_and_kills_in_a_sweep()
    {
        const int count = 3_000;
        await using var deployment = await HastyAsync();
        await using var server = await ServerProcess.StartAsync(deployment);
        await using var other = await ServerProcess.StartAsync(deployment);
        var (ada, bob) = (await Person.RegisterAsync(server.Api), await Person.RegisterAsync(server.Api, name: "Bob"));
        var chat = (await ada.PostAsync("/v1/conversations", new { type = "direct", member_ids = new[] { bob.Id } }))
            .Expect(201).Json.Id("conversation_id");
        await DisappearAsync(ada, chat, 3_600);
        var drafts = Enumerable.Range(0, count).Select(n => Draft.In(chat, $"message {n}")).ToList();
        await using (var adas = await ada.ConnectAsync())
        {
            foreach (var draft in drafts) await adas.SendAsync(draft);
            await adas.AckAsync(drafts[^1].Id);
        }

        // All messages are due at once. The kills interrupt the sweep.
        await DisappearAsync(ada, chat, 1);
        for (var kill = 0; kill < 2; kill++)
        {
            const string expired = "SELECT count(*) FROM chat.timeline WHERE expired_at IS NOT NULL";
            await Eventually.BeAsync(
                async () => await NumberAsync(deployment, expired) > 0, "a sweep has begun", Patience);
            await server.KillAsync();
            await server.StartAsync();
        }
        // Due messages are hidden even before a sweep records their expiry.
        var entries = await Eventually.GetAsync(
            async () => await ada.TimelineAsync(chat), all => Named(all).Count >= count, "all are named", Patience);

        Assert.All(entries, entry => Assert.Null(entry.Message?.Text));
        var gone = Named(entries);
        Assert.Equal(gone.Count, gone.Distinct().Count());
        Assert.Equal(count, gone.Count);
        await AgreesAsync(bob, chat, unread: 0, lastMessage: null);
        await deployment.IsUnbrokenAsync(chat);
        await Eventually.BeAsync(
            async () => await NumberAsync(deployment, "SELECT count(*) FROM chat.gone_messages") == count - 1,
            "all but the last have their narrow rows", Patience);
        Assert.Equal(entries.Select(Told), (await ada.TimelineAsync(chat)).Take(entries.Count).Select(Told));
        var retry = drafts[count / 2];
        var first = (await ada.At(other.Api).PostMessageAsync(retry)).Expect(200).Read<Sent>();
        Assert.Equal((retry.Id, retry.Id), (first.MessageId, entries[(int)first.Seq].Message!.MessageId));
        (await ada.At(other.Api).PostMessageAsync(retry.With("text", "another"))).Expect(409, "message_id_reused");
        (await bob.PostMessageAsync(retry)).Expect(409, "message_id_reused");
        Assert.Equal(entries[^1].Seq + 1, (await ada.At(other.Api).SayAsync(bob, "and on")).Seq);

        static string Told(Entry entry) =>
            $"{entry with { Data = null, Message = null }} {entry.Message}";

        static List<Guid> Named(IReadOnlyList<Entry> entries) =>
        [
            .. entries.Where(entry => entry.Kind == "messages_expired")
                .SelectMany(
                    entry => entry.Data!.Value.GetProperty("message_ids").EnumerateArray().Select(id => id.GetGuid())),
        ];
    }

    [OwnServerFact]
    public async Task With_DeleteWhenDelivered_the_last_confirmation_expires_a_message()
    {
        await using var deployment = await HastyAsync();
        deployment.Settings["Retention__DeleteWhenDelivered"] = "true";
        await using var server = await ServerProcess.StartAsync(deployment);
        var (ada, bob, cem) = (
            await Person.RegisterAsync(server.Api),
            await Person.RegisterAsync(server.Api, name: "Bob"),
            await Person.RegisterAsync(server.Api, name: "Cem"));
        var laptop = await bob.AddDeviceAsync();
        var group = await Group.StartAsync(ada, "Three", bob, cem);
        var sent = await group.SayAsync(ada, "until everyone has it");
        var later = await group.SayAsync(bob, "this one nobody has");
        await bob.ConfirmAsync(group.Id, delivered: sent.Seq);
        await cem.ConfirmAsync(group.Id, delivered: sent.Seq);
        await using var adas = await ada.ConnectAsync();
        var mark = adas.Mark();
        await Task.WhenAll(ada.ConfirmAsync(group.Id, delivered: sent.Seq), bob.ConfirmAsync(group.Id, read: sent.Seq));
        Assert.NotNull((await ada.MessageAsync(group.Id, sent.MessageId)).Text); // Bob's laptop has not confirmed.

        await laptop.ConfirmAsync(group.Id, delivered: sent.Seq);
        var gone = await adas.NextAsync(
            frame => frame.Is("update", group.Id) && frame.Body.Text("kind") == "messages_expired", "it goes", mark,
            Patience);
        Assert.Equal(
            [sent.Seq],
            gone.Body.GetProperty("data").GetProperty("seqs").EnumerateArray().Select(seq => seq.GetInt64()));
        Assert.Equal("delivered", gone.Body.GetProperty("data").Text("reason"));
        (await ada.GetAsync($"{group.Path}/messages/{sent.MessageId}")).Expect(404);
        Assert.Equal("this one nobody has", (await cem.MessageAsync(group.Id, later.MessageId)).Text);
    }

    /// <summary>A deployment with timers from one second on, and a sweep every second.</summary>
    private static async Task<Deployment> HastyAsync()
    {
        var deployment = await Deployment.CreateAsync();
        deployment.Settings["Retention__ShortestTimer"] = "00:00:01";
        deployment.Settings["Retention__SweepEvery"] = "00:00:01";
        return deployment;
    }

    private static async Task DisappearAsync(Person by, Guid conversation, int seconds) =>
        (await by.PatchAsync(
            $"/v1/conversations/{conversation}",
            new { retention = new { disappearing_seconds = seconds } })).Expect(200, 204);

    private static bool Unsaid(IReadOnlyList<Entry> entries, Sent sent) =>
        entries[(int)sent.Seq].Message is { Text: null };

    private static IEnumerable<long> EntriesOf(ChatSocket socket, Guid conversation) =>
        socket.Frames().Where(frame => frame.Is("message", conversation) || frame.Is("update", conversation))
            .Select(frame => frame.Body.Number("seq"));

    private static async Task<IReadOnlyList<Entry>> SeenAsync(Person who, Guid conversation) =>
        await who.TimelineAsync(conversation);

    private static IEnumerable<(long, string, string, Guid?, Guid?)> Skeleton(IEnumerable<Entry> entries) =>
        entries.Select(entry => (entry.Seq, entry.Kind, entry.At, entry.ActorId, entry.Message?.MessageId));

    /// <summary>Asserts that inbox and unread messages agree.</summary>
    private static async Task AgreesAsync(Person who, Guid conversation, int unread, Guid? lastMessage)
    {
        var item = await who.InboxItemAsync(conversation);
        Assert.Equal((unread, unread), ((int)item.UnreadCount, (await who.UnreadAsync()).Count));
        Assert.Equal(lastMessage, item.LastMessage?.MessageId);
    }

    private static Task<long> LogLengthAsync(Deployment deployment, Guid conversation) => NumberAsync(
        deployment,
        $"""
        SELECT count(*) FROM chat.log_events e JOIN chat.log_streams s ON s.key = e.stream_key
        WHERE s.name = 'conversation-{conversation}'
        """);

    private static async Task<long> NumberAsync(Deployment deployment, string sql)
    {
        await using var connection = await deployment.Postgres.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
