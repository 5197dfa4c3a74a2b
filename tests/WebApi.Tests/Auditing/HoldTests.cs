using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using ChatCqrs.WebApi.Tests.Media;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ChatCqrs.WebApi.Tests.Auditing;

public sealed class HoldTests(ErasingServer server) : IClassFixture<ErasingServer>
{
    private readonly string[] _some = [Guid.CreateVersion7().ToString()];

    [Fact]
    public async Task A_hold_is_placed_by_compliance_approved_by_somebody_else_and_released()
    {
        var (auditor, compliance) = (await server.SignInAuditorAsync(), await server.SignInComplianceAsync());
        (await server.PostAsync("/v1/audit/holds", AHold(_some), auditor.Access)).IsProblem(403, "forbidden");
        var placed = (await server.PostAsync("/v1/audit/holds", AHold(_some), compliance.Access)).Is(201);
        var path = $"/v1/audit/holds/{placed.Text("hold_id")}";
        Assert.Equal("pending", placed.Text("status"));
        (await server.PostAsync($"{path}/approval", new { approve = true }, compliance.Access))
            .IsProblem(403, "self_approval");

        var approved = (await server.PostAsync($"{path}/approval", new { approve = true }, auditor.Access)).Is(200);

        Assert.Equal(("approved", auditor.User), (approved.Text("status"), approved.Text("approved_by")));
        (await server.DeleteAsync(path, auditor.Access)).IsProblem(403, "forbidden");
        (await server.DeleteAsync(path, compliance.Access)).Is(204);
        (await server.DeleteAsync(path, compliance.Access)).Is(204);
        (await server.PostAsync($"{path}/approval", new { approve = true }, auditor.Access))
            .IsProblem(409, "already_settled");
        var listed = (await server.GetAsync("/v1/audit/holds", auditor.Access)).Is(200)["holds"].EnumerateArray()
            .Single(hold => hold.GetProperty("hold_id").GetString() == placed.Text("hold_id"));
        Assert.Equal("released", listed.GetProperty("status").GetString());
        Assert.Empty(await ScopesAsync(placed.Text("hold_id")));
    }

    [Fact]
    public async Task A_refusal_ends_it()
    {
        var (auditor, compliance) = (await server.SignInAuditorAsync(), await server.SignInComplianceAsync());
        var id = await PlaceAsync(compliance, AHold(_some));
        Assert.Single(await ScopesAsync(id));

        var refused = (await server.PostAsync(
            $"/v1/audit/holds/{id}/approval", new { approve = false }, auditor.Access)).Is(200);

        Assert.Equal("refused", refused.Text("status"));
        Assert.Empty(await ScopesAsync(id));
    }

    [Fact]
    public async Task A_hold_needs_a_reason_a_scope_and_a_review()
    {
        var compliance = await server.SignInComplianceAsync();
        await RefusedAsync("reason", AHold(_some, reason: ""));
        await RefusedAsync("conversation_ids", AHold());
        await RefusedAsync("user_ids", AHold(users: ["none"]));
        await RefusedAsync("review_at", AHold(_some, reviewAt: DateTimeOffset.UtcNow.AddDays(-1)));
        await RefusedAsync("review_at", new { conversation_ids = _some, reason = "Why." });
        (await server.PostAsync("/v1/audit/holds", AHold(matter: _some[0]), compliance.Access))
            .IsProblem(404, "matter_unknown");
        foreach (var id in new[] { _some[0], "none" })
            (await server.DeleteAsync($"/v1/audit/holds/{id}", compliance.Access)).IsProblem(404, "hold_unknown");

        async Task RefusedAsync(string field, object body)
        {
            var answer = await server.PostAsync("/v1/audit/holds", body, compliance.Access);
            answer.IsProblem(400, "invalid");
            Assert.Equal([field], answer["errors"].EnumerateObject().Select(error => error.Name));
        }
    }

    [Fact]
    public async Task With_a_matter_alone_it_has_the_matters_scope()
    {
        var (auditor, compliance) = (await server.SignInAuditorAsync(), await server.SignInComplianceAsync());
        var matter = (await server.PostAsync("/v1/audit/matters", AuditCalls.AMatter(_some), auditor.Access))
            .Text("matter_id");

        var placed = (await server.PostAsync("/v1/audit/holds", AHold(matter: matter), compliance.Access)).Is(201);

        Assert.Equal(_some, placed["conversation_ids"].EnumerateArray().Select(id => id.GetString()));
        Assert.Equal(matter, placed.Text("matter_id"));
    }

    [Fact]
    public async Task Of_an_erased_user_what_is_held_opens_and_its_neighbours_do_not_and_after_release_nothing_does()
    {
        var compliance = await server.SignInComplianceAsync();
        var (ann, ben, cat) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        var held = await server.SendSealedAsync(ann, ben);
        var to = held.At;
        await Eventually.IsTrue(() => Task.FromResult(DateTimeOffset.UtcNow > to.AddMilliseconds(1)), "time passes");
        var (later, elsewhere) = (await server.SendSealedAsync(ann, ben), await server.SendSealedAsync(ann, cat));
        Assert.Equal(held.Content.Bucket, later.Content.Bucket);
        Assert.Equal(held.Content.Bucket, elsewhere.Content.Bucket);
        var id = await PlaceAsync(compliance, AHold(users: [ben.User], to: to));

        (await server.DeleteAsync("/v1/users/me", ann.Access)).Is(204);

        Assert.Equal("hello", await server.OpenSealedAsync(held));
        Assert.Null(await server.OpenSealedAsync(later));
        Assert.Null(await server.OpenSealedAsync(elsewhere));
        Assert.Null(await server.Services.GetRequiredService<IContentSealer>().OpenAsync(
            held.Scope, held.Content, default));
        Assert.Equal(
            [id],
            (await LimitedAsync(ann)).SelectMany(limited => limited.Holds).Select(hold => hold.ToString()).Distinct());

        (await server.DeleteAsync($"/v1/audit/holds/{id}", compliance.Access)).Is(204);

        Assert.Null(await server.OpenSealedAsync(held));
        Assert.Equal(0, await CountAsync($"SELECT count(*) FROM chat.secrets WHERE name LIKE 'hold:{id}:%'"));
    }

    /// <summary>
    /// A message was sealed before its author's secret was shredded, and reaches the log after it.
    /// </summary>
    [Fact]
    public async Task A_message_of_an_erased_user_that_was_on_its_way_is_kept_too()
    {
        var compliance = await server.SignInComplianceAsync();
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var first = await server.SendSealedAsync(ann, ben);
        var id = await PlaceAsync(compliance, AHold(users: [ben.User]));
        var (scope, now) = (
            first.Scope with { ExpiresAt = DateTimeOffset.UtcNow.AddDays(7), Message = new(Guid.CreateVersion7()) },
            DateTimeOffset.UtcNow);
        var content = await server.Services.GetRequiredService<IContentSealer>().SealAsync(
            scope, new MessageContent { Text = "hello" }.ToBytes(), default);
        Assert.NotEqual(first.Content.Bucket, content.Bucket); // No key that is kept opens it.

        (await server.DeleteAsync("/v1/users/me", ann.Access)).Is(204);
        await AppendAsync(scope, content, now);
        Assert.Equal(1, await CountAsync(AsideOf(ann)));
        await using (var earlier = server.Database.CreateCommand(
            $"UPDATE erasures SET requested_at = now() - interval '3 minutes' WHERE user_id = '{ann.User}'"))
            Assert.Equal(1, await earlier.ExecuteNonQueryAsync());
        await Eventually.IsTrue(
            async () => await CountAsync(AsideOf(ann)) == 0, "what was put aside is deleted once the erasure settles");

        Assert.Equal("hello", await server.OpenSealedAsync((scope, content, now)));
        Assert.Null(await server.Services.GetRequiredService<IContentSealer>().OpenAsync(scope, content, default));
        (await server.DeleteAsync($"/v1/audit/holds/{id}", compliance.Access)).Is(204);
        Assert.Null(await server.OpenSealedAsync((scope, content, now)));
    }

    /// <summary>All titles of one author in a group share a key.</summary>
    [Fact]
    public async Task Of_titles_those_within_the_holds_time_open()
    {
        var compliance = await server.SignInComplianceAsync();
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var group = await server.StartGroupAsync(ann, ben);
        var to = DateTimeOffset.UtcNow.AddMilliseconds(1);
        await Eventually.IsTrue(() => Task.FromResult(DateTimeOffset.UtcNow > to.AddMilliseconds(1)), "time passes");
        (await server.PatchAsync($"/v1/conversations/{group}", new { title = "Later" }, ann.Access)).Is(200);
        await PlaceAsync(compliance, AHold([group], to: to));

        (await server.DeleteAsync("/v1/users/me", ann.Access)).Is(204);

        Assert.Equal(["Group", null], await TitlesAsync(new(Guid.Parse(group))));
    }

    /// <summary>A sweep has read the holds, and keeps for one that is released before it does so.</summary>
    [Fact]
    public async Task Nothing_is_kept_for_a_hold_that_was_released_meanwhile()
    {
        var compliance = await server.SignInComplianceAsync();
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var sent = await server.SendSealedAsync(ann, ben);
        var conversation = sent.Scope.Conversation!.Value;
        var id = await PlaceAsync(compliance, AHold([conversation.ToString()]));
        var (held, hold) = (server.Services.GetRequiredService<IHeld>(), new HoldId(Guid.Parse(id)));
        await KeepAsync();
        Assert.Equal(1, await CountAsync($"SELECT count(*) FROM chat.secrets WHERE name LIKE 'hold:{id}:%'"));

        (await server.DeleteAsync($"/v1/audit/holds/{id}", compliance.Access)).Is(204);
        await KeepAsync();

        Assert.Equal(0, await CountAsync($"SELECT count(*) FROM chat.secrets WHERE name LIKE 'hold:{id}:%'"));
        foreach (var table in new[] { "keys", "files", "progress" })
            Assert.Equal(0, await CountAsync($"SELECT count(*) FROM chat.held_{table} WHERE hold_id = '{id}'"));

        Task KeepAsync() => held.KeepAsync(
            hold, conversation, [new HeldKey(sent.Content.Bucket, sent.Scope.Owner)], [], 1, default);
    }

    [Fact]
    public async Task Without_a_hold_nothing_is_put_aside()
    {
        var plain = new ChatServer();
        await plain.InitializeAsync();
        var (ann, ben) = (await plain.SignInAsync(), await plain.SignInAsync());
        await plain.SendSealedAsync(ann, ben);

        (await plain.DeleteAsync("/v1/users/me", ann.Access)).Is(204);

        await using var command = plain.Database.CreateCommand(
            "SELECT count(*) FROM chat.secrets WHERE name LIKE 'leaving:%'");
        Assert.Equal(0L, await command.ExecuteScalarAsync());
        await plain.DisposeAsync();
    }

    [Fact]
    public async Task Files_of_what_is_held_stay_until_the_release()
    {
        var compliance = await server.SignInComplianceAsync();
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var (sent, unsent) = (await UploadAsync(ann), await UploadAsync(ann));
        await server.SendSealedAsync(ann, ben, sent);
        var id = await PlaceAsync(compliance, AHold(users: [ben.User]));

        (await server.DeleteAsync("/v1/users/me", ann.Access)).Is(204);

        await FileIsGoneAsync(unsent);
        Assert.Equal(1, await CountAsync($"SELECT count(*) FROM chat.media_files WHERE file_id = '{sent}'"));
        (await server.DeleteAsync($"/v1/audit/holds/{id}", compliance.Access)).Is(204);
        await FileIsGoneAsync(sent);
    }

    [Fact]
    public async Task A_hold_waits_for_what_is_being_removed_and_then_holds()
    {
        var compliance = await server.SignInComplianceAsync();
        var removing = await server.Services.GetRequiredService<IHeld>().LockForRemovingAsync(default);

        var placing = server.PostAsync("/v1/audit/holds", AHold(_some), compliance.Access);
        await Eventually.IsTrue(
            async () => await CountAsync(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") > 0,
            "the hold waits");
        Assert.False(placing.IsCompleted);
        await removing.DisposeAsync();

        (await placing).Is(201);
    }

    [Fact]
    public async Task What_was_left_half_done_is_ended()
    {
        var held = server.Services.GetRequiredService<IHeld>();
        var mediator = server.Services.GetRequiredService<MediatR.IMediator>();
        var scope = new AuditScope([new(Guid.CreateVersion7())], [], null, null);
        var (old, young) = (new HoldId(Guid.CreateVersion7()), new HoldId(Guid.CreateVersion7()));
        await held.PlaceAsync(new HeldScope(old, scope, DateTimeOffset.UtcNow.AddMinutes(-11)), default);
        await held.PlaceAsync(new HeldScope(young, scope, DateTimeOffset.UtcNow), default);

        await mediator.Send(new TendHolds.Command());

        Assert.Empty(await ScopesAsync(old.ToString()));
        Assert.Single(await ScopesAsync(young.ToString()));
        await held.EndAsync(young, default);
    }

    private static object AHold(
        string[]? conversations = null, string[]? users = null, string? reason = "A lawsuit.", string? matter = null,
        DateTimeOffset? reviewAt = null, DateTimeOffset? to = null) => new
        {
            matter_id = matter,
            conversation_ids = conversations,
            user_ids = users,
            to,
            reason,
            review_at = reviewAt ?? DateTimeOffset.UtcNow.AddDays(90),
        };

    private async Task<string> PlaceAsync(Tokens compliance, object hold) =>
        (await server.PostAsync("/v1/audit/holds", hold, compliance.Access)).Is(201).Text("hold_id");

    private async Task<IEnumerable<HeldScope>> ScopesAsync(string hold) =>
        (await server.Services.GetRequiredService<IHeld>().ScopesAsync(default))
        .Where(scope => scope.Hold.ToString() == hold);

    private async Task<IEnumerable<AuditEvent.ErasureLimited>> LimitedAsync(Tokens user)
    {
        var (store, codec) = (
            server.Services.GetRequiredService<IEventStore>(), server.Services.GetRequiredService<IEventCodec>());
        var stored = await store.ReadStreamAsync(StreamName.Audit, 0, ReadDirection.Forwards, 1_000, default);
        return stored.Select(codec.Decode).Select(fact => fact.Event).OfType<AuditEvent.ErasureLimited>()
            .Where(limited => limited.User.ToString() == user.User);
    }

    /// <summary>The titles that a group was given, as an auditor may open them.</summary>
    private async Task<List<string?>> TitlesAsync(ConversationId group)
    {
        var (store, codec) = (
            server.Services.GetRequiredService<IEventStore>(), server.Services.GetRequiredService<IEventCodec>());
        var titles = new List<string?>();
        foreach (var stored in await store.ReadStreamAsync(
            StreamName.Of(group), 0, ReadDirection.Forwards, 100, default))
        {
            var fact = codec.Decode(stored);
            if (((fact.Event as ConversationEvent.ConversationStarted)?.Title
                ?? (fact.Event as ConversationEvent.GroupRenamed)?.Title) is not { } title)
                continue;
            var (scope, content) = GroupTitles.ContentOf(group, title);
            var open = await server.Services.GetRequiredService<IAuditedContent>()
                .OpenAsync(scope, content, fact.At, default);
            titles.Add(open is { } bytes ? System.Text.Encoding.UTF8.GetString(bytes.Span) : null);
        }

        return titles;
    }

    private static string AsideOf(Tokens user) =>
        $"SELECT count(*) FROM chat.secrets WHERE name = 'leaving:{user.User}'";

    /// <summary>Puts a message at the end of its conversation, as its node would.</summary>
    private async Task AppendAsync(SealScope scope, SealedContent content, DateTimeOffset at)
    {
        var (store, codec) = (
            server.Services.GetRequiredService<IEventStore>(), server.Services.GetRequiredService<IEventCodec>());
        var stream = StreamName.Of(scope.Conversation!.Value);
        var last = (await store.ReadStreamAsync(stream, long.MaxValue, ReadDirection.Backwards, 1, default)).Single();
        var device = new DeviceId(Guid.CreateVersion7());
        var sent = new ConversationEvent.MessageSent(
            scope.Message!.Value, scope.Owner, device, MessageType.Text, content, new Fingerprint(1), null,
            scope.ExpiresAt)
        { At = at };
        var (data, _) = codec.Encode(
            sent, new EventContext(Guid.CreateVersion7(), at, new Actor(scope.Owner, device), null, null),
            codec.HashOf(last));
        var outcome = await store.AppendAsync([new StreamAppend(stream, last.Revision, [data])], default);
        Assert.IsType<AppendOutcome.Appended>(outcome[0]);
    }

    private async Task<string> UploadAsync(Tokens by)
    {
        using var form = new MultipartFormDataContent();
        form.Add(new StringContent("image"), "file_type");
        form.Add(new ByteArrayContent(MediaServer.Picture()), "file", "a.png");
        return (await server.PostAsync("/v1/media", form, by.Access)).Is(201).Text("file_id");
    }

    private Task FileIsGoneAsync(string file) => Eventually.IsTrue(
        async () => await CountAsync($"SELECT count(*) FROM chat.media_files WHERE file_id = '{file}'") == 0,
        "the file is gone");

    private async Task<long> CountAsync(string sql)
    {
        await using NpgsqlCommand command = server.Database.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}

public sealed class HeldBucketTests(ErasingServer server) : IClassFixture<ErasingServer>
{
    [Fact]
    public async Task Of_an_ended_day_what_is_held_opens_until_the_release_and_nothing_else_does()
    {
        var compliance = await server.SignInComplianceAsync();
        var (ann, ben, cat) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        var (held, elsewhere) = (await server.SendSealedAsync(ann, ben), await server.SendSealedAsync(ann, cat));
        Assert.Equal(held.Content.Bucket, elsewhere.Content.Bucket);
        var conversation = held.Scope.Conversation.ToString()!;
        var id = (await server.PostAsync(
            "/v1/audit/holds",
            new
            {
                conversation_ids = new[] { conversation },
                reason = "A lawsuit.",
                review_at = DateTimeOffset.UtcNow.AddDays(90),
            },
            compliance.Access)).Is(201).Text("hold_id");

        Assert.True(await server.Services.GetRequiredService<Shredding>().ShredEndedAsync(
            DateTimeOffset.UtcNow.AddDays(40), 1_000, default) > 0);
        server.Services.GetRequiredService<Infrastructure.Sealing.ContentSealer>().ForgetAll();

        Assert.Equal("hello", await server.OpenSealedAsync(held));
        Assert.Null(await server.OpenSealedAsync(elsewhere));
        (await server.DeleteAsync($"/v1/audit/holds/{id}", compliance.Access)).Is(204);
        Assert.Null(await server.OpenSealedAsync(held));
    }
}

public sealed class TwoNodesHoldTests(TwoServers servers) : IClassFixture<TwoServers>
{
    /// <summary>Both nodes remove what has expired, while one of them places a hold.</summary>
    [Fact]
    public async Task A_hold_is_in_force_on_both_nodes_or_comes_after_the_removal()
    {
        var (one, two) = (servers.One, servers.Two);
        var compliance = await one.SignInComplianceAsync();
        var (ann, ben, cat) = (await one.SignInAsync(), await one.SignInAsync(), await one.SignInAsync());
        var (early, late, elsewhere) = (
            await one.SendSealedAsync(ann, ben), await two.SendSealedAsync(ben, cat),
            await one.SendSealedAsync(ann, cat));
        await PlaceAsync(early);

        var placing = PlaceAsync(late);
        await Task.WhenAll(new[] { one, two, one, two }.Select(node => node.Services.GetRequiredService<Shredding>()
            .ShredEndedAsync(DateTimeOffset.UtcNow.AddDays(40), 1_000, default)));
        await placing;

        foreach (var node in new[] { one, two })
            node.Services.GetRequiredService<Infrastructure.Sealing.ContentSealer>().ForgetAll();
        Assert.Equal("hello", await one.OpenSealedAsync(early));
        Assert.Equal("hello", await two.OpenSealedAsync(early));
        Assert.Null(await one.OpenSealedAsync(elsewhere));
        Assert.Null(await two.OpenSealedAsync(elsewhere));
        Assert.Equal(await one.OpenSealedAsync(late), await two.OpenSealedAsync(late));

        async Task PlaceAsync((SealScope Scope, SealedContent Content, DateTimeOffset At) message) =>
            (await two.PostAsync(
                "/v1/audit/holds",
                new
                {
                    conversation_ids = new[] { message.Scope.Conversation.ToString() },
                    reason = "A lawsuit.",
                    review_at = DateTimeOffset.UtcNow.AddDays(90),
                },
                compliance.Access)).Is(201);
    }
}

/// <summary>A server that goes on with erasures every second.</summary>
public sealed class ErasingServer : ChatServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
        [.. base.Settings, ("Erasure:SweepEvery", "00:00:01")];
}
