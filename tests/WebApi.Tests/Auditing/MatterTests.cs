using ChatCqrs.Application.Auditing;
using ChatCqrs.Domain;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Auditing;

public sealed class MatterTests(ChatServer server) : IClassFixture<ChatServer>
{
    private readonly string[] _some = [Guid.CreateVersion7().ToString()];

    [Fact]
    public async Task A_matter_is_asked_for_by_an_auditor_and_approved_by_somebody_else()
    {
        var (auditor, compliance) = (await server.SignInAuditorAsync(), await server.SignInComplianceAsync());
        var asked = (await server.PostAsync("/v1/audit/matters", AuditCalls.AMatter(_some), auditor.Access)).Is(201);
        var path = $"/v1/audit/matters/{asked.Text("matter_id")}";
        Assert.Equal("pending", asked.Text("status"));
        Assert.Equal(auditor.User, asked.Text("requested_by"));
        (await server.PostAsync($"{path}/approval", new { approve = true }, auditor.Access))
            .IsProblem(403, "self_approval");

        var approved = (await server.PostAsync($"{path}/approval", new { approve = true }, compliance.Access)).Is(200);

        Assert.Equal(("approved", compliance.User), (approved.Text("status"), approved.Text("approved_by")));
        (await server.PostAsync($"{path}/approval", new { approve = true }, compliance.Access)).Is(200);
        (await server.PostAsync($"{path}/approval", new { approve = false }, compliance.Access))
            .IsProblem(409, "already_settled");
        var shown = (await server.GetAsync(path, compliance.Access)).Is(200);
        Assert.Equal(approved.Body.ToString(), shown.Body.ToString());
        var listed = (await server.GetAsync("/v1/audit/matters", auditor.Access)).Is(200)["matters"].EnumerateArray();
        Assert.Equal(
            shown.Body.ToString(),
            listed.Single(matter => matter.GetProperty("matter_id").GetString() == asked.Text("matter_id")).ToString());
    }

    [Fact]
    public async Task Roles_are_asked_for()
    {
        var (auditor, compliance) = (await server.SignInAuditorAsync(), await server.SignInComplianceAsync());
        var nobody = await server.SignInAsync();
        var body = AuditCalls.AMatter(_some);
        (await server.PostAsync("/v1/audit/matters", body)).IsProblem(401, "unauthenticated");
        (await server.PostAsync("/v1/audit/matters", body, compliance.Access)).IsProblem(403, "forbidden");
        (await server.PostAsync("/v1/audit/matters", body, nobody.Access)).IsProblem(403, "forbidden");
        var id = (await server.PostAsync("/v1/audit/matters", body, auditor.Access)).Is(201).Text("matter_id");
        foreach (var path in new[] { "/v1/audit/matters", $"/v1/audit/matters/{id}", "/v1/audit/access" })
            (await server.GetAsync(path, nobody.Access)).IsProblem(403, "forbidden");
        (await server.PostAsync($"/v1/audit/matters/{id}/approval", new { approve = true }, nobody.Access))
            .IsProblem(403, "forbidden");
    }

    [Fact]
    public async Task A_matter_needs_a_reason_a_scope_and_an_end()
    {
        var auditor = await server.SignInAuditorAsync();
        await RefusedAsync("reason", AuditCalls.AMatter(_some, reason: null));
        await RefusedAsync("reason", AuditCalls.AMatter(_some, reason: "  "));
        await RefusedAsync("reason", AuditCalls.AMatter(_some, reason: new string('x', 2_001)));
        await RefusedAsync("conversation_ids", AuditCalls.AMatter());
        await RefusedAsync("conversation_ids", AuditCalls.AMatter([], []));
        await RefusedAsync("conversation_ids", AuditCalls.AMatter(["none"]));
        await RefusedAsync("conversation_ids", AuditCalls.AMatter([.. Enumerable.Repeat(_some[0], 1_001)]));
        await RefusedAsync("user_ids", AuditCalls.AMatter(users: [.. Enumerable.Repeat(_some[0], 101)]));
        await RefusedAsync("until", AuditCalls.AMatter(_some, until: DateTimeOffset.UtcNow.AddDays(30).AddMinutes(1)));
        await RefusedAsync("until", AuditCalls.AMatter(_some, until: DateTimeOffset.UtcNow.AddMinutes(-1)));
        await RefusedAsync(
            "to", AuditCalls.AMatter(_some, from: DateTimeOffset.UtcNow, to: DateTimeOffset.UtcNow.AddHours(-1)));
        await RefusedAsync("until", new { title = "t", reason = "r", conversation_ids = _some, content = true });

        async Task RefusedAsync(string field, object body)
        {
            var answer = await server.PostAsync("/v1/audit/matters", body, auditor.Access);
            answer.IsProblem(400, "invalid");
            Assert.Equal([field], answer["errors"].EnumerateObject().Select(error => error.Name));
        }
    }

    [Fact]
    public async Task An_unknown_matter_is_not_found()
    {
        var (auditor, compliance) = (await server.SignInAuditorAsync(), await server.SignInComplianceAsync());
        foreach (var id in new[] { _some[0], "none" })
        {
            (await server.GetAsync($"/v1/audit/matters/{id}", auditor.Access)).IsProblem(404, "matter_unknown");
            (await server.PostAsync($"/v1/audit/matters/{id}/approval", new { approve = true }, compliance.Access))
                .IsProblem(404, "matter_unknown");
            (await server.GetAsync($"/v1/audit/access?matter={id}", auditor.Access)).IsProblem(404, "matter_unknown");
        }
    }

    [Fact]
    public async Task It_opens_its_conversations_once_it_is_approved()
    {
        var (auditor, compliance) = (await server.SignInAuditorAsync(), await server.SignInComplianceAsync());
        var (from, to) = (DateTimeOffset.UtcNow.AddDays(-2), DateTimeOffset.UtcNow.AddDays(-1));
        var id = (await server.PostAsync(
            "/v1/audit/matters", AuditCalls.AMatter(_some, from: from, to: to), auditor.Access)).Text("matter_id");
        Assert.Equal(Refusal.MatterPending, await RefusedAsync(server, id, _some[0], auditor));
        (await server.PostAsync($"/v1/audit/matters/{id}/approval", new { approve = true }, compliance.Access)).Is(200);

        var opened = await OpenAsync(server, id, _some[0], auditor);

        Assert.True(opened.Covers(from.AddHours(1)));
        Assert.False(opened.Covers(to.AddHours(1)));
        Assert.False(opened.Covers(from.AddHours(-1)));
        Assert.Equal(
            Refusal.MatterScope, await RefusedAsync(server, id, Guid.CreateVersion7().ToString(), auditor));
        Assert.Equal(
            Refusal.MatterUnknown,
            await RefusedAsync(server, Guid.CreateVersion7().ToString(), _some[0], auditor));
    }

    [Fact]
    public async Task A_refused_one_opens_nothing()
    {
        var (auditor, compliance) = (await server.SignInAuditorAsync(), await server.SignInComplianceAsync());
        var id = (await server.PostAsync("/v1/audit/matters", AuditCalls.AMatter(_some), auditor.Access))
            .Text("matter_id");
        (await server.PostAsync($"/v1/audit/matters/{id}/approval", new { approve = false }, compliance.Access))
            .Is(200);

        Assert.Equal(Refusal.MatterEnded, await RefusedAsync(server, id, _some[0], auditor));
    }

    [Fact]
    public async Task It_ends_by_its_time()
    {
        var (auditor, compliance) = (await server.SignInAuditorAsync(), await server.SignInComplianceAsync());
        var id = await server.OpenMatterAsync(
            auditor, compliance, AuditCalls.AMatter(_some, until: DateTimeOffset.UtcNow.AddSeconds(3)));
        await OpenAsync(server, id, _some[0], auditor);

        await Eventually.IsTrue(
            async () => (await server.GetAsync($"/v1/audit/matters/{id}", auditor.Access)).Text("status") == "ended",
            "the matter has ended");

        Assert.Equal(Refusal.MatterEnded, await RefusedAsync(server, id, _some[0], auditor));
    }

    [Fact]
    public async Task User_ids_open_the_conversations_that_they_are_or_were_in()
    {
        var (auditor, compliance) = (await server.SignInAuditorAsync(), await server.SignInComplianceAsync());
        var (ann, ben, cat) =
            (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        var (direct, left, others) = (
            await server.StartDirectAsync(ann, ben), await server.StartGroupAsync(cat, ann),
            await server.StartDirectAsync(ben, cat));
        (await server.DeleteAsync($"/v1/conversations/{left}/members/{ann.User}", ann.Access)).Is(204);

        var id = await server.OpenMatterAsync(auditor, compliance, AuditCalls.AMatter(users: [ann.User]));

        await OpenAsync(server, id, direct, auditor);
        await OpenAsync(server, id, left, auditor);
        Assert.Equal(Refusal.MatterScope, await RefusedAsync(server, id, others, auditor));
    }

    [Fact]
    public async Task A_matter_holds_on_every_node()
    {
        var two = new ChatServer { Beside = server };
        await two.InitializeAsync();
        var (auditor, compliance) = (await server.SignInAuditorAsync(), await server.SignInComplianceAsync());

        var id = (await server.PostAsync("/v1/audit/matters", AuditCalls.AMatter(_some), auditor.Access))
            .Text("matter_id");
        (await two.PostAsync($"/v1/audit/matters/{id}/approval", new { approve = true }, compliance.Access)).Is(200);

        await OpenAsync(server, id, _some[0], auditor);
        await OpenAsync(two, id, _some[0], auditor);
        await two.DisposeAsync();
    }

    [Fact]
    public async Task Only_one_of_two_decisions_at_once_counts()
    {
        var (auditor, compliance) = (await server.SignInAuditorAsync(), await server.SignInComplianceAsync());
        for (var n = 0; n < 5; n++)
        {
            var id = (await server.PostAsync("/v1/audit/matters", AuditCalls.AMatter(_some), auditor.Access))
                .Text("matter_id");
            var decisions = await Task.WhenAll(new[] { true, false }.Select(approve => server.PostAsync(
                $"/v1/audit/matters/{id}/approval", new { approve }, compliance.Access)));

            Assert.Equal([200, 409], decisions.Select(decision => decision.Status).Order());
        }
    }

    private static Task<OpenedMatter> OpenAsync(ChatServer at, string matter, string conversation, Tokens auditor) =>
        at.Services.GetRequiredService<IMatters>().OpenAsync(
            new(Guid.Parse(matter)), new(Guid.Parse(conversation)), new(Guid.Parse(auditor.User)), default);

    private static async Task<Refusal> RefusedAsync(
        ChatServer at, string matter, string conversation, Tokens auditor) =>
        (await Assert.ThrowsAsync<RefusedException>(() => OpenAsync(at, matter, conversation, auditor))).Refusal;
}
