using System.Text;
using System.Text.Json;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>What the log of heads says of a conversation, over REST.</summary>
public sealed class AnchoredTests(ExportServer server) : IClassFixture<ExportServer>
{
    [Fact]
    public async Task A_state_names_the_batch_that_covers_its_entry()
    {
        var (auditor, conversation) = await LoggedAsync();

        var state = (await server.GetAsync($"/v1/audit/conversations/{conversation}/state?as_of_seq=1", auditor.Access))
            .Is(200);

        var recorded = state["recorded_by"];
        var number = recorded.GetProperty("batch").GetInt64();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/audit/heads/batches/{number}/openings");
        request.Headers.Authorization = new("Bearer", auditor.Access);
        using var response = await server.Http.SendAsync(request);
        Assert.Contains(
            $"\nconversation-{conversation}\n", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.True(recorded.GetProperty("time").GetDateTimeOffset() >= state["as_of"].GetDateTimeOffset());
    }

    [Fact]
    public async Task An_entry_that_no_batch_covers_yet_has_none()
    {
        var slow = new AuditMemoryServer(); // It makes no batch meanwhile.
        await slow.InitializeAsync();
        var (auditor, ann, ben) =
            (await slow.SignInAuditorAsync(), await slow.SignInAsync(), await slow.SignInAsync());
        var conversation = await slow.StartDirectAsync(ann, ben);

        var state = await ReadAsync(slow, $"/v1/audit/conversations/{conversation}/state", auditor);

        Assert.Equal(JsonValueKind.Null, state["recorded_by"].ValueKind);
        var verified = await ReadAsync(slow, $"/v1/audit/conversations/{conversation}/verification", auditor);
        Assert.All(
            new[] { "anchored_seq", "batch", "checkpoint_size" },
            name => Assert.Equal(JsonValueKind.Null, verified[name].ValueKind));
        await slow.DisposeAsync();
    }

    [Fact]
    public async Task A_verification_tells_how_far_a_published_head_reaches()
    {
        var (auditor, conversation) = await LoggedAsync();

        var verified = await ReadAsync(server, $"/v1/audit/conversations/{conversation}/verification", auditor);

        Assert.True(verified["verified"].GetBoolean());
        Assert.Equal(2, verified["anchored_seq"].GetInt64());
        var state = await ReadAsync(server, $"/v1/audit/conversations/{conversation}/state?as_of_seq=2", auditor);
        Assert.Equal(state["recorded_by"].GetProperty("batch").GetInt64(), verified["batch"].GetInt64());
        Assert.Contains(
            verified["checkpoint_size"].GetInt64(),
            (await server.GetAsync("/v1/audit/checkpoints?limit=200", auditor.Access)).Is(200)["checkpoints"]
                .EnumerateArray().Select(checkpoint => checkpoint.GetProperty("size").GetInt64()));
    }

    /// <summary>Somebody writes the last event anew, with a hash that follows from what it says.</summary>
    [Fact]
    public async Task A_chain_that_was_written_anew_differs_from_its_published_head()
    {
        var (auditor, conversation) = await LoggedAsync();
        var ofLast =
            $"""
            revision = 2 AND stream_key = (SELECT key FROM log_streams WHERE name = 'conversation-{conversation}')
            """;
        var (type, id, metadata, payload) = await StoredAsync(ofLast);
        var forged = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(payload).TrimEnd('}') + ",\"forged\":1}");
        var end = Encoding.UTF8.GetString(metadata).LastIndexOf(",\"hash\":", StringComparison.Ordinal);
        var (linked, _) = EventChain.Link(
            EventChain.PreviousOf(metadata), type, id, [.. metadata[..end], (byte)'}'], forged);
        await using (var command = server.Database.CreateCommand(
            $"UPDATE log_events SET metadata = $1, payload = $2 WHERE {ofLast}"))
        {
            command.Parameters.Add(new() { Value = linked });
            command.Parameters.Add(new() { Value = forged });
            Assert.Equal(1, await command.ExecuteNonQueryAsync());
        }

        var verified = await ReadAsync(server, $"/v1/audit/conversations/{conversation}/verification", auditor);

        Assert.False(verified["verified"].GetBoolean());
        var problem = Assert.Single(verified["problems"].EnumerateArray());
        Assert.Equal(
            (2L, "head_mismatch"), (problem.GetProperty("seq").GetInt64(), problem.GetProperty("code").GetString()));
        Assert.Equal(2, verified["first_bad_seq"].GetInt64());
    }

    /// <summary>A conversation with two messages, all of it under a published head.</summary>
    private async Task<(Tokens Auditor, string Conversation)> LoggedAsync()
    {
        var (auditor, ann, ben) =
            (await server.SignInAuditorAsync(), await server.SignInAsync(), await server.SignInAsync());
        await server.SendSealedAsync(ann, ben);
        var sent = await server.SendSealedAsync(ann, ben);
        var conversation = sent.Scope.Conversation.ToString()!;
        await Eventually.IsTrue(
            async () => (await server.GetAsync($"/v1/audit/conversations/{conversation}/verification", auditor.Access))
                is { Status: 200 } verified && verified["anchored_seq"].ValueKind == JsonValueKind.Number
                && verified["anchored_seq"].GetInt64() == 2,
            "a published head covers the conversation");
        return (auditor, conversation);
    }

    private async Task<(string Type, Guid Id, byte[] Metadata, byte[] Payload)> StoredAsync(string which)
    {
        await using var command = server.Database.CreateCommand(
            $"SELECT type, event_id, metadata, payload FROM log_events WHERE {which}");
        await using var row = await command.ExecuteReaderAsync();
        Assert.True(await row.ReadAsync());
        return (row.GetString(0), row.GetGuid(1), row.GetFieldValue<byte[]>(2), row.GetFieldValue<byte[]>(3));
    }

    /// <summary>Asks until the views have the conversation.</summary>
    private static async Task<Answer> ReadAsync(ChatServer at, string path, Tokens auditor)
    {
        Answer? found = null;
        await Eventually.IsTrue(
            async () => (found = await at.GetAsync(path, auditor.Access)).Status == 200, $"{path} is there");
        return found!;
    }
}
