using System.Text;
using System.Text.Json;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>
/// Content over REST within a matter: what lies in its time is opened in every call that shows content, and what lies
/// outside stays sealed; so does an edit within it of a message outside.
/// </summary>
public sealed class MatterContentTests(ExportServer server) : IClassFixture<ExportServer>
{
    private const string Title = "a title of before";
    private static readonly string[] Outside = [Title, "sent before", "edited within", "sent after"];

    [Fact]
    public async Task Within_its_time_content_is_opened_and_outside_of_it_stays_sealed()
    {
        var (auditor, conversation, matter) = await MatterAsync();
        var path = $"/v1/audit/conversations/{conversation}";

        var state = (await server.GetAsync($"{path}/state?matter={matter}", auditor.Access)).Is(200);
        var entries = state["entries"].EnumerateArray().ToDictionary(entry => entry.GetProperty("seq").GetInt64());
        Assert.Equal("sent within", entries[2].GetProperty("content").GetProperty("text").GetString());
        Assert.False(entries[2].TryGetProperty("sealed", out _));
        Assert.Equal(JsonValueKind.Null, state["title"].ValueKind);
        Assert.All(new long[] { 1, 4 }, seq =>
        {
            Assert.Equal(JsonValueKind.Null, entries[seq].GetProperty("content").ValueKind);
            Assert.True(entries[seq].GetProperty("sealed").GetBoolean());
        });
        Opens(state.Body.GetRawText());
        Opens(await TextAsync($"{path}/state?as_of_seq=2&matter={matter}", auditor));
        Opens(await TextAsync($"{path}/replay?matter={matter}", auditor));
        Opens(await TextAsync($"{path}/replay?from_seq=4&matter={matter}", auditor));
        Seals(await TextAsync($"{path}/state", auditor));
        Seals(await TextAsync($"{path}/replay", auditor));
        Seals(await TextAsync($"{path}/events?matter={matter}", auditor));
    }

    [Fact]
    public async Task An_export_opens_the_same_and_says_whose_matter_it_was()
    {
        var (auditor, conversation, matter) = await MatterAsync();
        var compliance = await server.SignInComplianceAsync();

        var files = await server.ExportAsync(
            auditor, new { conversation_ids = new[] { conversation }, matter_id = matter });

        foreach (var name in new[] { "report.html", "timeline.csv" })
            Opens(Encoding.UTF8.GetString(files[$"conversations/{conversation}/{name}"]));
        Seals(Encoding.UTF8.GetString(files[$"conversations/{conversation}/events.ndjson"]));
        var about = JsonElement.Parse(files["matter.json"]);
        Assert.Equal(auditor.User, about.GetProperty("auditor_id").GetString());
        Assert.Equal([conversation], Texts(about, "conversation_ids"));
        var asked = about.GetProperty("matter");
        Assert.Equal(
            (matter, "Complaint 12", "Why.", auditor.User, compliance.User, "approved", true),
            (Text("matter_id"), Text("title"), Text("reason"), Text("requested_by"), Text("approved_by"),
                Text("status"), asked.GetProperty("content").GetBoolean()));
        Assert.Equal([conversation], Texts(asked, "conversation_ids"));
        Assert.All(
            new[] { "from", "to", "until", "requested_at" },
            name => Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", Text(name)));

        string Text(string name) => asked.GetProperty(name).GetString()!;

        static IEnumerable<string?> Texts(JsonElement of, string name) =>
            of.GetProperty(name).EnumerateArray().Select(item => item.GetString());
    }

    private static void Opens(string shown)
    {
        Assert.Contains("sent within", shown, StringComparison.Ordinal);
        Assert.All(Outside, text => Assert.DoesNotContain(text, shown, StringComparison.Ordinal));
    }

    private static void Seals(string shown) => Assert.All(
        Outside.Append("sent within"), text => Assert.DoesNotContain(text, shown, StringComparison.Ordinal));

    /// <summary>
    /// A group with a message before the matter's time (1), one within it (2), an edit within it of the former (3), and
    /// a message after it (4).
    /// </summary>
    private async Task<(Tokens Auditor, string Conversation, string Matter)> MatterAsync()
    {
        var (auditor, compliance) = (await server.SignInAuditorAsync(), await server.SignInComplianceAsync());
        var (ann, ben) = (await server.SignInAsync(name: "Ann"), await server.SignInAsync(name: "Ben"));
        var group = (await server.PostAsync(
            "/v1/conversations", new { type = "group", title = Title, member_ids = new[] { ben.User } }, ann.Access))
            .Is(201).Text("conversation_id");
        var before = await SendAsync("sent before");
        await TimePassesAsync();
        var from = DateTimeOffset.UtcNow;
        await SendAsync("sent within");
        (await server.PatchAsync(
            $"/v1/conversations/{group}/messages/{before}", new { text = "edited within" }, ann.Access)).Is(200);
        await TimePassesAsync();
        var to = DateTimeOffset.UtcNow;
        await TimePassesAsync();
        await SendAsync("sent after");
        var matter = await server.OpenMatterAsync(
            auditor, compliance, AuditCalls.AMatter([group], from: from, to: to));
        await server.LoggedAsync(auditor, group);
        await Eventually.IsTrue(
            async () => (await server.GetAsync($"/v1/audit/conversations/{group}/state", auditor.Access))
                is { Status: 200 } state && state["as_of_seq"].GetInt64() == 4,
            "the views have the messages");
        return (auditor, group, matter);

        async Task<string> SendAsync(string text)
        {
            var id = Guid.CreateVersion7().ToString();
            (await server.PostAsync(
                "/v1/messages", new { message_id = id, conversation_id = group, type = "text", text }, ann.Access))
                .Is(201);
            return id;
        }
    }

    /// <summary>Until a later millisecond, so that no two times are the same.</summary>
    private static async Task TimePassesAsync()
    {
        var now = DateTimeOffset.UtcNow;
        await Eventually.IsTrue(() => Task.FromResult(DateTimeOffset.UtcNow > now.AddMilliseconds(2)), "time passes");
    }

    private async Task<string> TextAsync(string path, Tokens auditor)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new("Bearer", auditor.Access);
        using var response = await server.Http.SendAsync(request);
        Assert.Equal(200, (int)response.StatusCode);
        return await response.Content.ReadAsStringAsync();
    }
}
