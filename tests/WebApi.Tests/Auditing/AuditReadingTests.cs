using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Domain;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>Auditors find, read, replay and verify conversations over REST; nobody else does.</summary>
public sealed class AuditReadingTests(ChatServer server) : IClassFixture<ChatServer>
{
    private const string AuditorsPhone = "+12025550199";

    private static readonly string[] StateFields =
    [
        "conversation_id", "as_of_seq", "as_of", "recorded_by", "type", "title", "encryption", "retention", "members",
        "entries", "next_cursor",
    ];

    [Fact]
    public async Task Conversations_are_found_by_person_and_time_with_all_who_ever_were_there()
    {
        var (auditor, group, ann, ben) = await GroupAsync();
        (await server.DeleteAsync($"/v1/conversations/{group}/members/{ben.User}", ben.Access)).Is(204);

        var found = Assert.Single(await FindAsync($"user_id={ben.User}"));
        Assert.Equal(
            ["conversation_id", "type", "encryption", "started_at", "last_at", "last_seq", "members"],
            found.EnumerateObject().Select(member => member.Name));
        Assert.Equal(group, found.GetProperty("conversation_id").GetString());
        Assert.Equal(
            [ann.User, ben.User],
            found.GetProperty("members").EnumerateArray().Select(id => id.GetString()));
        var (started, last) = (found.GetProperty("started_at").GetString()!, found.GetProperty("last_at").GetString()!);
        Assert.Single(await FindAsync($"user_id={ben.User}&from={last}&to={last}"));
        Assert.Empty(await FindAsync($"user_id={ben.User}&to={Shift(started, -1)}"));
        Assert.Empty(await FindAsync($"user_id={ben.User}&from={Shift(last, 1)}"));
        Assert.Contains(group, await AllAsync());
        (await server.GetAsync("/v1/audit/conversations?user_id=x", auditor.Access)).IsInvalid("user_id");
        (await server.GetAsync("/v1/audit/conversations?from=yesterday", auditor.Access)).IsInvalid("from");
        (await server.GetAsync("/v1/audit/conversations?cursor=x", auditor.Access)).IsProblem(400, "invalid_cursor");

        async Task<JsonElement[]> FindAsync(string query) =>
            [.. (await server.GetAsync($"/v1/audit/conversations?{query}", auditor.Access)).Is(200)["conversations"]
                .EnumerateArray()];

        async Task<List<string?>> AllAsync()
        {
            var all = new List<string?>();
            for (var path = "/v1/audit/conversations?limit=1"; ;)
            {
                var page = (await server.GetAsync(path, auditor.Access)).Is(200);
                all.AddRange(page["conversations"].EnumerateArray()
                    .Select(item => item.GetProperty("conversation_id").GetString()));
                if (page["next_cursor"].ValueKind == JsonValueKind.Null)
                    return all;
                path = $"/v1/audit/conversations?limit=1&cursor={page.Text("next_cursor")}";
            }
        }
    }

    [Fact]
    public async Task Events_come_byte_for_byte_in_pages_and_as_a_stream()
    {
        var (auditor, group, _, ben) = await GroupAsync();
        (await server.PostAsync($"/v1/conversations/{group}/receipts", new { read_seq = 1 }, ben.Access)).Is(204);

        var events = new List<JsonElement>();
        for (var path = $"/v1/audit/conversations/{group}/events?limit=2"; ;)
        {
            var page = (await server.GetAsync(path, auditor.Access)).Is(200);
            events.AddRange(page["events"].EnumerateArray());
            if (page["next_cursor"].ValueKind == JsonValueKind.Null)
                break;
            path = $"/v1/audit/conversations/{group}/events?limit=2&cursor={page.Text("next_cursor")}";
        }

        var lines = await LinesAsync($"/v1/audit/conversations/{group}/events", auditor);
        Assert.Equal(events.Select(item => item.GetRawText()), lines.Select(line => line.GetRawText()));
        Assert.Equal([0L, 1, 2, 3], events.Select(item => item.GetProperty("seq").GetInt64()));
        var previous = Convert.ToBase64String(new byte[32]);
        foreach (var item in events)
        {
            Assert.Equal(previous, item.GetProperty("prev_hash").GetString());
            previous = HashOf(item);
            Assert.Equal(previous, item.GetProperty("hash").GetString());
        }

        Assert.DoesNotContain("hello", string.Join('\n', events));
        var after = (await server.GetAsync($"/v1/audit/conversations/{group}/events?after_seq=2", auditor.Access))
            .Is(200);
        Assert.Equal(3, Assert.Single(after["events"].EnumerateArray()).GetProperty("seq").GetInt64());
        var receipt = Assert.Single(await LinesAsync(
            $"/v1/audit/conversations/{group}/events?stream=receipts", auditor));
        Assert.Equal("message-read.v1", receipt.GetProperty("type").GetString());
        (await server.GetAsync($"/v1/audit/conversations/{group}/events?stream=x", auditor.Access)).IsInvalid("stream");
        (await server.GetAsync($"/v1/audit/conversations/{group}/events?after_seq=-2", auditor.Access))
            .IsInvalid("after_seq");
    }

    [Fact]
    public async Task A_state_shows_nothing_of_what_was_said_outside_of_a_matter()
    {
        var (auditor, group, ann, ben) = await GroupAsync();

        var state = (await server.GetAsync($"/v1/audit/conversations/{group}/state", auditor.Access)).Is(200);

        Assert.Equal(StateFields, state.Body.EnumerateObject().Select(member => member.Name));
        Assert.Equal(
            [
                "seq", "kind", "at", "actor_id", "message_id", "type", "reply_to", "content", "sealed", "edited_at",
                "deleted_at", "reactions",
            ],
            state["entries"][0].EnumerateObject().Select(member => member.Name));
        Assert.Equal(JsonValueKind.Null, state["title"].ValueKind);
        Assert.Equal(3, state["as_of_seq"].GetInt64());
        Assert.Equal([ann.User, ben.User], state["members"].EnumerateArray()
            .Select(member => member.GetProperty("user_id").GetString()));
        Assert.DoesNotContain("hello", state.Body.GetRawText());
        var replayed = await LinesAsync($"/v1/audit/conversations/{group}/replay", auditor);
        Assert.DoesNotContain("hello", string.Join('\n', replayed));
        Assert.Equal([0L, 1, 2, 3], replayed.Select(line => line.GetProperty("seq").GetInt64()));
        Assert.Equal(
            ["seq", "at", "type", "actor_id", "changes"],
            replayed[0].EnumerateObject().Select(member => member.Name));
    }

    [Fact]
    public async Task A_moment_that_makes_no_sense_is_refused()
    {
        var (auditor, group, _, _) = await GroupAsync();
        var (state, replay) = ($"/v1/audit/conversations/{group}/state", $"/v1/audit/conversations/{group}/replay");

        (await GetAsync($"{state}?as_of_seq=1&as_of=2026-01-02T03:04:05Z")).IsInvalid("as_of");
        (await GetAsync($"{state}?as_of_seq=-1")).IsInvalid("as_of_seq");
        (await GetAsync($"{state}?as_of_seq=4")).IsProblem(400, "seq_beyond_end");
        (await GetAsync($"{state}?as_of=2999-01-02T03:04:05Z")).IsInvalid("as_of");
        (await GetAsync($"{state}?as_of=yesterday")).IsInvalid("as_of");
        (await GetAsync($"{state}?as_of=2020-01-02T03:04:05Z")).IsProblem(404, "before_first_entry");
        (await GetAsync($"{state}?cursor=x")).IsProblem(400, "invalid_cursor");
        (await GetAsync($"{replay}?from_seq=-1")).IsInvalid("from_seq");
        (await GetAsync($"{replay}?from_seq=2&to_seq=1")).IsInvalid("from_seq");
        (await GetAsync($"{replay}?to_seq=4")).IsProblem(400, "seq_beyond_end");
        (await GetAsync($"{replay}?from_seq=4")).IsProblem(400, "seq_beyond_end");
        foreach (var call in new[] { "events", "state", "replay", "verification" })
        {
            (await GetAsync($"/v1/audit/conversations/{Guid.NewGuid()}/{call}")).IsProblem(404, "conversation_unknown");
            (await GetAsync($"/v1/audit/conversations/x/{call}")).IsProblem(404, "conversation_unknown");
            (await GetAsync($"/v1/audit/conversations/{group}/{call}?matter={Guid.NewGuid()}"))
                .IsProblem(404, "matter_unknown");
        }

        Task<Answer> GetAsync(string path) => server.GetAsync(path, auditor.Access);
    }

    [Fact]
    public async Task It_is_for_auditors_alone()
    {
        var (auditor, group, ann, _) = await GroupAsync();
        var compliance = await server.SignInAsync("+12025550198");
        string[] calls = ["", "/events", "/state", "/replay", "/verification"];
        foreach (var path in calls.Select(call => call.Length == 0 ? "" : $"/{group}{call}"))
        {
            (await server.GetAsync($"/v1/audit/conversations{path}")).IsProblem(401, "unauthenticated");
            (await server.GetAsync($"/v1/audit/conversations{path}", ann.Access)).IsProblem(403, "forbidden");
            (await server.GetAsync($"/v1/audit/conversations{path}", compliance.Access)).IsProblem(403, "forbidden");
            using var head = new HttpRequestMessage(HttpMethod.Head, $"/v1/audit/conversations{path}");
            head.Headers.Authorization = new AuthenticationHeaderValue("Bearer", auditor.Access);
            using var answered = await server.Http.SendAsync(head);
            Assert.Equal(HttpStatusCode.OK, answered.StatusCode);
        }
    }

    [Theory]
    [InlineData("payload = payload || '\\x20'", 2, 2, "hash_mismatch")]
    [InlineData("metadata = overlay(metadata PLACING '\\x58' FROM 3)", 2, 2, "hash_mismatch")]
    [InlineData("metadata = '{}'", 2, 2, "hash_mismatch")]
    [InlineData("type = 'message-sent.v2'", 2, 2, "hash_mismatch")]
    [InlineData("event_id = gen_random_uuid()", 2, 2, "hash_mismatch")]
    [InlineData("revision = 99", 2, 3, "missing")]
    [InlineData("revision = 99", 3, 99, "missing")]
    public async Task A_verification_finds_what_was_changed(string change, long seq, long badSeq, string code)
    {
        var (auditor, group, _, _) = await GroupAsync();
        var whole = (await VerifyAsync(auditor, group))["events"].GetInt64();
        Assert.Equal(4, whole);

        await ChangeAsync($"UPDATE log_events SET {change} WHERE revision = {seq} AND {OfStream(group)}");

        var found = await VerifyAsync(auditor, group, verified: false);
        Assert.Equal(badSeq, found["first_bad_seq"].GetInt64());
        var problem = found["problems"][0];
        Assert.Equal(
            (badSeq, code, "conversation"),
            (problem.GetProperty("seq").GetInt64(), problem.GetProperty("code").GetString(),
                problem.GetProperty("stream").GetString()));
    }

    [Fact]
    public async Task A_verification_finds_exchanged_inserted_and_removed_events_and_a_missing_end()
    {
        var auditor = await server.SignInAsync(AuditorsPhone);

        var exchanged = (await GroupAsync()).Group;
        await ChangeAsync(
            $"UPDATE log_events SET revision = revision + 100 WHERE revision IN (1, 2) AND {OfStream(exchanged)}",
            $"UPDATE log_events SET revision = 103 - revision WHERE revision > 100 AND {OfStream(exchanged)}");
        Assert.Equal([(1L, "link_broken"), (2, "link_broken"), (3, "link_broken")], await ProblemsAsync(exchanged));

        var inserted = (await GroupAsync()).Group;
        await ChangeAsync(
            $"UPDATE log_events SET revision = revision + 100 WHERE revision >= 2 AND {OfStream(inserted)}",
            $"UPDATE log_events SET revision = revision - 99 WHERE revision > 100 AND {OfStream(inserted)}",
            $"""
            INSERT INTO log_events SELECT (SELECT min(position) - 1 FROM log_events), stream_key, 2, gen_random_uuid(), type, metadata, payload
            FROM log_events WHERE revision = 1 AND {OfStream(inserted)}
            """);
        Assert.Equal((2L, "hash_mismatch"), (await ProblemsAsync(inserted))[0]);

        var removed = (await GroupAsync()).Group;
        await ChangeAsync($"DELETE FROM log_events WHERE revision = 1 AND {OfStream(removed)}");
        Assert.Equal([(2L, "missing")], await ProblemsAsync(removed));

        var cut = (await GroupAsync()).Group;
        await ChangeAsync($"DELETE FROM log_events WHERE revision = 3 AND {OfStream(cut)}");
        Assert.Equal([(3L, "tail_missing")], await ProblemsAsync(cut));

        var start = (await GroupAsync()).Group;
        await ChangeAsync($"UPDATE log_streams SET truncated_before = 2 WHERE name = 'conversation-{start}'");
        Assert.Equal([(2L, "missing")], await ProblemsAsync(start));

        async Task<List<(long, string)>> ProblemsAsync(string group) =>
        [
            .. (await VerifyAsync(auditor, group, verified: false))["problems"].EnumerateArray().Select(problem =>
                (problem.GetProperty("seq").GetInt64(), problem.GetProperty("code").GetString()!)),
        ];
    }

    [Fact]
    public async Task A_verification_reads_receipts_too()
    {
        var (auditor, group, _, ben) = await GroupAsync();
        (await server.PostAsync($"/v1/conversations/{group}/receipts", new { read_seq = 1 }, ben.Access)).Is(204);
        Assert.Equal(5, (await VerifyAsync(auditor, group))["events"].GetInt64());

        await ChangeAsync(
            $"""
            UPDATE log_events SET payload = payload || '\x20'
            WHERE stream_key = (SELECT key FROM log_streams WHERE name = 'receipts-{group}')
            """);

        var found = await VerifyAsync(auditor, group, verified: false);
        Assert.Equal("receipts", found["problems"][0].GetProperty("stream").GetString());
        Assert.Equal(JsonValueKind.Null, found["first_bad_seq"].ValueKind);
    }

    [Fact]
    public async Task One_verification_a_user_and_four_a_node_run_at_a_time()
    {
        var (auditor, group, _, _) = await GroupAsync();
        var turns = server.Services.GetRequiredService<VerificationTurns>();
        using (turns.Take(new UserId(Guid.Parse(auditor.User))))
        {
            var busy = (await server.GetAsync($"/v1/audit/conversations/{group}/verification", auditor.Access))
                .IsProblem(429, "verification_running");
            Assert.NotNull(busy.Headers.RetryAfter);
        }

        var others = Enumerable.Range(0, 4).Select(_ => turns.Take(new UserId(Guid.NewGuid()))).ToList();
        (await server.GetAsync($"/v1/audit/conversations/{group}/verification", auditor.Access))
            .IsProblem(429, "verification_running");
        others.ForEach(turn => turn.Dispose());
        await VerifyAsync(auditor, group);
    }

    [Fact]
    public async Task Every_call_is_recorded_with_what_was_answered()
    {
        var (auditor, group, _, _) = await GroupAsync();
        var before = await AccessesAsync();

        var state = (await server.GetAsync($"/v1/audit/conversations/{group}/state", auditor.Access)).Is(200);
        await LinesAsync($"/v1/audit/conversations/{group}/replay?to_seq=2", auditor);

        await Eventually.IsTrue(async () => await AccessesAsync() == before + 4, "both accesses and deliveries are in");
        Assert.Equal(3, state["entries"].GetArrayLength());

        async Task<long> AccessesAsync()
        {
            await using var command = server.Database.CreateCommand(
                $"SELECT count(*) FROM log_events WHERE {OfStream(auditor.User, "auditor")}");
            return (long)(await command.ExecuteScalarAsync())!;
        }
    }

    /// <summary>A group of two with three messages, seqs 1 to 3, and an auditor.</summary>
    private async Task<(Tokens Auditor, string Group, Tokens Ann, Tokens Ben)> GroupAsync()
    {
        var (auditor, ann, ben) =
            (await server.SignInAsync(AuditorsPhone), await server.SignInAsync(), await server.SignInAsync());
        var group = (await server.PostAsync(
            "/v1/conversations", new { type = "group", title = "hello", member_ids = new[] { ben.User } }, ann.Access))
            .Is(201).Text("conversation_id");
        foreach (var who in new[] { ann, ben, ann })
        {
            (await server.PostAsync(
                "/v1/messages",
                new { message_id = Guid.CreateVersion7(), conversation_id = group, type = "text", text = "hello" },
                who.Access)).Is(201);
        }

        await Eventually.IsTrue(
            async () => (await server.GetAsync($"/v1/conversations/{group}", ann.Access))["last_seq"].GetInt64() == 3,
            "the views have the messages");
        return (auditor, group, ann, ben);
    }

    private async Task<Answer> VerifyAsync(Tokens auditor, string group, bool verified = true)
    {
        var found = (await server.GetAsync($"/v1/audit/conversations/{group}/verification", auditor.Access)).Is(200);
        Assert.Equal(verified, found["verified"].GetBoolean());
        return found;
    }

    private async Task<List<JsonElement>> LinesAsync(string path, Tokens auditor)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", auditor.Access);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/x-ndjson"));
        using var response = await server.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("application/x-ndjson", response.Content.Headers.ContentType?.MediaType);
        return
        [
            .. (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => JsonSerializer.Deserialize<JsonElement>(line)),
        ];
    }

    /// <summary>Somebody who can write into the database.</summary>
    private async Task ChangeAsync(params string[] statements)
    {
        foreach (var statement in statements)
        {
            await using var command = server.Database.CreateCommand(statement);
            Assert.NotEqual(0, await command.ExecuteNonQueryAsync());
        }
    }

    private static string OfStream(string id, string category = "conversation") =>
        $"stream_key = (SELECT key FROM log_streams WHERE name = '{category}-{id}')";

    private static string Shift(string time, int milliseconds) => Uri.EscapeDataString(
        DateTimeOffset.Parse(time, null).AddMilliseconds(milliseconds).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", null));

    /// <summary>The hash of the chain as docs/events.md describes it, of the raw bytes alone.</summary>
    private static string HashOf(JsonElement item)
    {
        const int Suffix = 55; // ,"hash":"...44 characters..."}
        var metadata = Encoding.UTF8.GetBytes(item.GetProperty("raw").GetProperty("metadata").GetString()!);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Convert.FromBase64String(item.GetProperty("prev_hash").GetString()!));
        Add(Encoding.UTF8.GetBytes(item.GetProperty("type").GetString()!));
        Add(item.GetProperty("event_id").GetGuid().ToByteArray(bigEndian: true));
        Add([.. metadata[..^Suffix], (byte)'}']);
        Add(Encoding.UTF8.GetBytes(item.GetProperty("raw").GetProperty("payload").GetString()!));
        return Convert.ToBase64String(hash.GetHashAndReset());

        void Add(byte[] part)
        {
            hash.AppendData([.. BitConverter.GetBytes(IPAddress.HostToNetworkOrder(part.Length))]);
            hash.AppendData(part);
        }
    }
}
