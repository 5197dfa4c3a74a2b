using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Auditing;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Auditing;

public sealed class AccessTests(ChatServer server) : IClassFixture<ChatServer>
{
    [Fact]
    public async Task Who_looks_is_listed_with_what_was_answered()
    {
        var compliance = await server.SignInComplianceAsync();
        var from = DateTimeOffset.UtcNow.AddHours(-1).ToString("O");
        var path = $"/v1/audit/access?auditor={compliance.User}&limit=7&from={Uri.EscapeDataString(from)}";
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", compliance.Access);
        using var response = await server.Http.SendAsync(request);
        var bytes = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(200, (int)response.StatusCode);

        var access = await DeliveredAsync(compliance, compliance);

        Assert.Equal("access", access.GetProperty("call").GetString());
        Assert.Equal(compliance.User, access.GetProperty("auditor_id").GetString());
        Assert.Equal(compliance.Device, access.GetProperty("device_id").GetString());
        Assert.False(access.GetProperty("content").GetBoolean());
        Assert.Contains($"auditor={compliance.User}", access.GetProperty("scope").GetString());
        Assert.Equal(JsonValueKind.Null, access.GetProperty("matter_id").ValueKind);
        Assert.Equal(
            Convert.ToHexStringLower(SHA256.HashData(bytes)),
            access.GetProperty("delivered").GetProperty("sha256").GetString());
        Assert.Equal(
            JsonDocument.Parse(bytes).RootElement.GetProperty("accesses").GetArrayLength(),
            access.GetProperty("delivered").GetProperty("entries").GetInt64());
    }

    [Fact]
    public async Task Pages_of_accesses_have_each_once()
    {
        var auditor = await server.SignInAuditorAsync();
        for (var n = 0; n < 5; n++)
            (await server.GetAsync($"/v1/audit/access?auditor={auditor.User}", auditor.Access)).Is(200);
        await Eventually.IsTrue(
            async () => (await server.GetAsync($"/v1/audit/access?auditor={auditor.User}", auditor.Access))["accesses"]
                .GetArrayLength() >= 5,
            "the view has the accesses");
        var (seen, cursor) = (new List<string>(), "");
        do
        {
            var page = (await server.GetAsync(
                $"/v1/audit/access?auditor={auditor.User}&limit=2{cursor}", auditor.Access)).Is(200);
            seen.AddRange(page["accesses"].EnumerateArray().Select(access => access.GetProperty("at").GetString()!));
            cursor = page["next_cursor"].ValueKind == JsonValueKind.Null ? null : $"&cursor={page.Text("next_cursor")}";
        }
        while (cursor is not null && seen.Count < 100);

        Assert.True(seen.Count >= 5);
        Assert.Equal(seen.OrderDescending(), seen);
        (await server.GetAsync("/v1/audit/access?cursor=none", auditor.Access)).IsProblem(400, "invalid_cursor");
        (await server.GetAsync("/v1/audit/access?auditor=none", auditor.Access)).IsProblem(400, "invalid");
        (await server.GetAsync("/v1/audit/access?from=none", auditor.Access)).IsProblem(400, "invalid");
        (await server.GetAsync("/v1/audit/access?limit=0", auditor.Access)).IsProblem(400, "invalid");
    }

    [Fact]
    public async Task HEAD_delivers_nothing_and_is_recorded()
    {
        var compliance = await server.SignInComplianceAsync();
        (await server.SendAsync(HttpMethod.Head, "/v1/audit/access?to=2020-01-01T00:00:00Z", null, compliance.Access))
            .Is(200);

        var access = await DeliveredAsync(compliance, compliance, scope: "to=2020-01-01T00:00:00Z");

        Assert.Equal(
            Convert.ToHexStringLower(SHA256.HashData([])),
            access.GetProperty("delivered").GetProperty("sha256").GetString());
    }

    [Fact]
    public async Task An_answer_that_is_cut_off_counts_as_far_as_it_was_written()
    {
        using var gone = new CancellationTokenSource();
        using var connection = new MemoryStream();
        await using var body = new WrittenBody(connection, isHead: false, gone.Token);

        await body.WriteAsync("one "u8.ToArray());
        body.Write([.. "two"u8], 0, 3);
        await gone.CancelAsync();
        await body.WriteAsync(" three"u8.ToArray());

        Assert.Equal(SHA256.HashData("one two"u8), body.Sha256());
    }

    [Fact]
    public async Task Without_its_record_nothing_is_answered()
    {
        var auditor = await server.SignInAuditorAsync();
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var conversation = await server.StartDirectAsync(ann, ben);
        var path = $"/v1/audit/conversations/{conversation}";
        await Eventually.IsTrue(
            async () => (await server.GetAsync($"{path}/state", auditor.Access)).Status == 200,
            "the views have the conversation");
        string[] paths =
        [
            $"{path}/events", $"{path}/state", $"{path}/replay", $"{path}/verification", "/v1/audit/conversations",
            $"/v1/audit/access?auditor={auditor.User}",
        ];

        // The log takes everything but accesses, as if it were out of reach for them (53300: too many connections).
        await ExecuteAsync(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'no access is recorded' USING ERRCODE = '53300'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON log_events FOR EACH ROW WHEN (NEW.type = 'audit-accessed.v1')
                EXECUTE FUNCTION refuse()
            """);
        try
        {
            foreach (var call in paths)
                (await server.GetAsync(call, auditor.Access)).IsProblem(503, "store_unavailable");
        }
        finally
        {
            await ExecuteAsync("DROP TRIGGER refuse ON log_events; DROP FUNCTION refuse()");
        }

        foreach (var call in paths.Where(call => !call.EndsWith("replay", StringComparison.Ordinal)))
            (await server.GetAsync(call, auditor.Access)).Is(200);
    }

    [Fact]
    public async Task The_roles_of_a_start_are_in_the_log_without_phones()
    {
        var (store, codec) = (
            server.Services.GetRequiredService<IEventStore>(), server.Services.GetRequiredService<IEventCodec>());
        IReadOnlyList<StoredEvent> stored = [];
        await Eventually.IsTrue(
            async () =>
            {
                stored = await store.ReadStreamAsync(StreamName.Audit, 0, ReadDirection.Forwards, 1, default);
                return stored.Count > 0;
            },
            "the roles are recorded");

        var roles = Assert.IsType<AuditEvent.AccessRolesSet>(codec.Decode(stored[0]).Event);

        Assert.Equal((2, 1, 1), (roles.Admins.Count, roles.Auditors.Count, roles.Compliance.Count));
        Assert.All(roles.Admins, admin => Assert.Matches("^[0-9a-f]{32}$", admin));
        Assert.False(roles.WithoutApproval);
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = server.Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The latest access of somebody whose answer is known.</summary>
    private async Task<JsonElement> DeliveredAsync(Tokens auditor, Tokens admin, string? scope = null)
    {
        JsonElement found = default;
        await Eventually.IsTrue(
            async () =>
            {
                var listed = (await server.GetAsync(
                    $"/v1/audit/access?auditor={auditor.User}&limit=200", admin.Access)).Is(200);
                found = listed["accesses"].EnumerateArray().FirstOrDefault(access =>
                    access.GetProperty("delivered").ValueKind == JsonValueKind.Object
                    && access.GetProperty("scope").GetString() is { } asked
                    && (scope is null ? asked.Contains("from=", StringComparison.Ordinal) : asked == scope));
                return found.ValueKind == JsonValueKind.Object;
            },
            "the access is listed with its answer");
        return found;
    }
}

public sealed class WithoutApprovalTests(WithoutApprovalServer server) : IClassFixture<WithoutApprovalServer>
{
    [Fact]
    public async Task A_matter_is_open_at_once_and_each_access_says_so()
    {
        var auditor = await server.SignInAuditorAsync();

        var matter = (await server.PostAsync(
            "/v1/audit/matters", AuditCalls.AMatter([Guid.CreateVersion7().ToString()]), auditor.Access)).Is(201);

        Assert.Equal("approved", matter.Text("status"));
        Assert.Equal(JsonValueKind.Null, matter["approved_by"].ValueKind);
        JsonElement accesses = default;
        await Eventually.IsTrue(
            async () =>
            {
                accesses = (await server.GetAsync("/v1/audit/access", auditor.Access)).Is(200)["accesses"];
                return accesses.GetArrayLength() > 0;
            },
            "an access is listed");
        Assert.All(
            accesses.EnumerateArray(), access => Assert.True(access.GetProperty("without_approval").GetBoolean()));
    }
}

public sealed class WithoutApprovalServer : ChatServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
        [.. base.Settings, ("Audit:Approval", "none")];
}
