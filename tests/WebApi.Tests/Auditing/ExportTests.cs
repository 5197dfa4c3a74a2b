using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Auditing.Exports;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using MimeKit;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>Exports are archives that hold what the log holds, for who asked for them, and for a while.</summary>
public sealed class ExportTests(ExportServer server) : IClassFixture<ExportServer>, IAsyncLifetime
{
    private const string AuditorsPhone = "+12025550199";
    private const string Formula = "=HYPERLINK(\"http://evil.example\")";

    private Tokens _auditor = null!;
    private Tokens _ann = null!;

    public async Task InitializeAsync()
    {
        _auditor = await server.SignInAsync(AuditorsPhone);
        _ann = await server.SignInAsync(name: "Ann <b>");
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task An_export_without_a_matter_has_all_events_and_no_content()
    {
        var conversation = await TalkAsync("secret words", Formula);

        var files = await ExportAsync(new { conversation_ids = new[] { conversation } });

        Assert.Equal(
            files.Keys.Where(name => name is not ("SHA256SUMS" or "manifest.note")).Order(StringComparer.Ordinal),
            Sums(files).Keys);
        Assert.All(Sums(files), sum => Assert.Equal(sum.Value, Hex(files[sum.Key])));
        var lines = Lines(files[Of(conversation, "events.ndjson")]);
        Assert.Equal([0, 1, 2], lines.Select(line => line.GetProperty("seq").GetInt64()));
        Assert.Null(EventChain.FirstBroken(new byte[32], lines.Select(Stored)));
        Assert.Equal($"0 {Convert.ToBase64String(new byte[32])}\n", Text(files[Of(conversation, "start")]));
        Assert.All(files.Values, file => Assert.DoesNotContain("secret words", Text(file), StringComparison.Ordinal));
        Assert.Contains("sealed", Text(files[Of(conversation, "timeline.csv")]), StringComparison.Ordinal);
        var accesses = Lines(files["access.ndjson"])[^2..]; // Before it come those of the test itself.
        Assert.Equal(
            ["audit-accessed.v1", "audit-delivered.v1"], accesses.Select(line => line.GetProperty("type").GetString()));
        Assert.Equal("export", accesses[0].GetProperty("payload").GetProperty("call").GetString());
    }

    /// <summary>The offline verifier shares no code with the server.</summary>
    [Fact]
    public async Task An_export_verifies_offline_and_a_changed_one_does_not()
    {
        var (one, two) = (await TalkAsync("one", "two"), await TalkAsync("three"));

        var zip = await DownloadAsync(new { conversation_ids = new[] { one, two } });

        var key = Text(Read(zip)["vkey"]).Trim();
        var (code, output) = await VerifyAsync(zip, key);
        Assert.True(code == 0, output);
        Assert.Contains("each linked to the one before", output, StringComparison.Ordinal);
        (code, output) = await VerifyAsync(Changed(zip, Of(one, "events.ndjson")), key);
        Assert.True(code == 1, output);
    }

    [Fact]
    public async Task Within_a_matter_content_is_opened_and_nothing_in_it_is_taken_for_more_than_text()
    {
        var conversation = await TalkAsync("<script>alert(1)</script>", Formula);

        var folder = await WriteAsync(conversation, new OpenedMatter(new MatterId(Guid.NewGuid()), null, null, true));

        var report = File.ReadAllText(Path.Combine(folder, "report.html"));
        Assert.DoesNotContain("<script", report, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("&lt;script&gt;alert(1)", report, StringComparison.Ordinal);
        Assert.Contains("Ann &lt;b&gt;", report, StringComparison.Ordinal);
        var timeline = File.ReadAllText(Path.Combine(folder, "timeline.csv"));
        Assert.Contains("\"'=HYPERLINK(\"\"http://evil.example\"\")\"", timeline, StringComparison.Ordinal);
        var message = Manifest(Path.Combine(folder, "chat.rsmf")).GetProperty("events")[1];
        Assert.Equal("<script>alert(1)</script>", message.GetProperty("body").GetString());
        Assert.Equal("message", message.GetProperty("type").GetString());
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task What_a_matter_does_not_cover_stays_sealed()
    {
        var conversation = await TalkAsync("secret words");

        var folder = await WriteAsync(
            conversation, new OpenedMatter(new MatterId(Guid.NewGuid()), DateTimeOffset.UtcNow.AddDays(1), null, true));

        foreach (var path in Directory.EnumerateFiles(folder))
            Assert.DoesNotContain("secret words", File.ReadAllText(path), StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_period_begins_and_ends_where_it_was_asked_to()
    {
        var conversation = await TalkAsync("one", "two");
        var far = DateTimeOffset.UtcNow.AddDays(1);

        var none = await ExportAsync(new { conversation_ids = new[] { conversation }, from = far.ToString("O") });
        var all = await ExportAsync(new { conversation_ids = new[] { conversation }, to = far.ToString("O") });

        Assert.Empty(Lines(none[Of(conversation, "events.ndjson")]));
        Assert.DoesNotContain(Of(conversation, "head.tlog-proof"), none.Keys);
        Assert.Equal(3, Lines(all[Of(conversation, "events.ndjson")]).Count);
    }

    [Fact]
    public async Task A_period_that_ends_within_a_head_verifies_offline()
    {
        var conversation = await TalkAsync([.. Enumerable.Range(0, 40).Select(n => $"message {n}")]);
        var whole = await ExportAsync(new { conversation_ids = new[] { conversation } });
        var events = Lines(whole[Of(conversation, "events.ndjson")]);
        var last = Lines(whole[Of(conversation, "heads.ndjson")])
            .Select(head => head.GetProperty("record").GetString()!.Split('\n')[2].Split(' ')[^1])
            .Select(text => int.Parse(text, CultureInfo.InvariantCulture)).ToHashSet();
        // Between two events of one head, neither of which has the time of the other.
        var within = Enumerable.Range(3, 36).First(seq => !last.Contains(seq) && TimeOf(seq) != TimeOf(seq + 1));

        var zip = await DownloadAsync(new
        {
            conversation_ids = new[] { conversation },
            from = TimeOf(2),
            to = TimeOf(within),
        });

        var files = Read(zip);
        var exported = Lines(files[Of(conversation, "events.ndjson")])
            .ConvertAll(line => line.GetProperty("seq").GetInt64());
        Assert.Equal(within, exported[^1]);
        Assert.True(Lines(files[Of(conversation, "heads.ndjson")])[^1].TryGetProperty("segment", out _));
        var (code, output) = await VerifyAsync(zip, Text(files["vkey"]).Trim());
        Assert.True(code == 0, output);
        Assert.Contains($"cover seq {exported[0]} to {within} without a gap", output, StringComparison.Ordinal);

        string TimeOf(int seq) => events[seq].GetProperty("occurred_at").GetString()!;
    }

    [Fact]
    public async Task A_period_whose_batches_are_gone_is_exported_and_rests_on_its_chain()
    {
        var conversation = await TalkAsync("one");
        await SetAsync("UPDATE audit_batches SET openings = NULL, tiles = NULL WHERE openings IS NOT NULL");
        var at = DateTimeOffset.UtcNow;
        await Eventually.IsTrue(() => Task.FromResult(DateTimeOffset.UtcNow > at.AddMilliseconds(2)), "time passes");
        await SayAsync(conversation, "two");
        await server.LoggedAsync(_auditor, conversation);

        var zip = await DownloadAsync(new { conversation_ids = new[] { conversation }, to = at.ToString("O") });

        var key = Text(Read(zip)["vkey"]).Trim();
        var (code, output) = await VerifyAsync(zip, key, "--kept-days", "0");
        Assert.True(code == 0, output);
        Assert.Contains("seq 0 to 1: their batches are gone", output, StringComparison.Ordinal);
        (code, output) = await VerifyAsync(zip, key);
        Assert.True(code == 1, output);
        Assert.Contains("no head covers seq 0 to 1", output, StringComparison.Ordinal);
    }

    /// <summary>What somebody has changed in the log is in the export, for others to find.</summary>
    [Theory]
    [InlineData("payload = 'x'")]
    [InlineData("metadata = 'x'")]
    [InlineData("type = 'unknown.v1'")]
    public async Task An_event_that_cannot_be_read_stops_no_export_and_the_verifier_finds_it(string change)
    {
        var conversation = await TalkAsync("one", "two");
        await SetAsync(
            $"""
            UPDATE log_events SET {change} WHERE revision = 1
            AND stream_key = (SELECT key FROM log_streams WHERE name = 'conversation-{conversation}')
            """);

        var zip = await DownloadAsync(new { conversation_ids = new[] { conversation } });

        var files = Read(zip);
        Assert.Contains("1,", Text(files[Of(conversation, "timeline.csv")]), StringComparison.Ordinal);
        Assert.Contains(",unreadable,", Text(files[Of(conversation, "timeline.csv")]), StringComparison.Ordinal);
        var (code, output) = await VerifyAsync(zip, Text(files["vkey"]).Trim());
        Assert.True(code == 1, output);
        Assert.Contains("events.ndjson line 2", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_has_looked_is_in_it_by_time()
    {
        var (conversation, other) = (await TalkAsync("one"), await TalkAsync("two"));
        var (accesses, second) = (server.Services.GetRequiredService<IAccessLog>(), new UserId(Guid.CreateVersion7()));
        foreach (var (looked, n) in new[] { (conversation, 1), (other, 2), (conversation, 3) })
        {
            var access = await accesses.RecordAsync(
                new AuditAccess(
                    second, new DeviceId(Guid.CreateVersion7()), "state", new ConversationId(Guid.Parse(looked)), null,
                    null, false),
                default);
            await accesses.DeliveredAsync(access, n, new byte[32], default);
            (await server.GetAsync($"/v1/audit/conversations/{looked}/state", _auditor.Access)).Is(200);
        }

        var lines = Lines((await ExportAsync(new { conversation_ids = new[] { conversation } }))["access.ndjson"]);

        var times = lines.ConvertAll(line => line.GetProperty("occurred_at").GetString()!);
        Assert.Equal(times.Order(StringComparer.Ordinal), times);
        var asked = lines.Where(line => line.GetProperty("type").GetString() == "audit-accessed.v1")
            .Select(line => line.GetProperty("payload")).ToList();
        Assert.All(asked, ask => Assert.Equal(conversation, ask.GetProperty("conversation").GetString()));
        Assert.Equal(
            2, asked.Count(ask => ask.GetProperty("auditor").GetString() == second.ToString()));
        Assert.Equal(
            [1L, 3],
            lines.Where(line => line.GetProperty("type").GetString() == "audit-delivered.v1"
                && line.GetProperty("payload").GetProperty("entries").GetInt64() is 1 or 3
                && line.GetProperty("payload").GetProperty("sha256").GetString()!.Trim('A', '=').Length == 0)
                .Select(line => line.GetProperty("payload").GetProperty("entries").GetInt64()));
        Assert.Contains(asked, ask => ask.GetProperty("auditor").GetString() == _auditor.User);
        Assert.Equal("export", asked[^1].GetProperty("call").GetString());
    }

    /// <summary>The node ends while it stores the second conversation.</summary>
    [Fact]
    public async Task A_run_that_was_killed_goes_on_with_what_it_had_not_finished()
    {
        var (first, second) = (await TalkAsync("one"), await TalkAsync("two"));
        var exports = server.Services.GetRequiredService<IAuditExports>();
        var export = NewExport(first, second);
        Assert.True(await exports.AddAsync(export, RequestExport.UnfinishedMax, CancellationToken.None));
        var blobs = new EndingBlobs(server.Services.GetRequiredService<IBlobs>(), EndsAfter: 9);
        await Assert.ThrowsAsync<OperationCanceledException>(() => RunAsync(export.Id, blobs));
        var kept = (await exports.FilesAsync(export.Id, CancellationToken.None)).Where(file => file.IsKept).ToList();
        Assert.NotEmpty(kept);
        Assert.All(kept, file => Assert.Contains(first, file.Name, StringComparison.Ordinal));
        var before = blobs.Stored.Count;

        await RunAsync(export.Id, blobs with { EndsAfter = int.MaxValue });

        var done = (await exports.FindAsync(export.Id, CancellationToken.None))!;
        Assert.Equal((ExportStatus.Done, done.Total), (done.Status, done.Done));
        Assert.DoesNotContain(blobs.Stored.Skip(before), key => kept.Exists(file => file.Key == key));
        Assert.Equal("", Assert.Single(await exports.FilesAsync(export.Id, CancellationToken.None)).Name);
        foreach (var key in blobs.Stored.SkipLast(1)) // All but the archive are deleted.
            Assert.Null(await server.Services.GetRequiredService<IBlobs>().OpenAsync(key, 0, CancellationToken.None));
    }

    [Fact]
    public async Task An_export_is_deleted_when_its_time_is_over_and_a_lost_job_begins_anew()
    {
        var conversation = await TalkAsync("one");
        var id = await RequestAsync(new { conversation_ids = new[] { conversation } });
        await DoneAsync(id);
        await SetAsync($"UPDATE audit_exports SET expires_at = now() WHERE id = '{id}'");
        var lost = NewExport(conversation) with { RequestedAt = DateTimeOffset.UtcNow.AddHours(-1) };
        await server.Services.GetRequiredService<IAuditExports>().AddAsync(lost, 100, CancellationToken.None);

        await server.Services.GetRequiredService<IMediator>().Send(new SweepExports.Command());

        (await server.GetAsync($"/v1/audit/exports/{id}", _auditor.Access)).IsProblem(404, "export_unknown");
        (await server.GetAsync($"/v1/audit/exports/{id}/file", _auditor.Access)).IsProblem(404, "export_unknown");
        await DoneAsync(lost.Id.ToString());
    }

    [Fact]
    public async Task Only_who_asked_for_an_export_sees_it_and_only_auditors_ask()
    {
        var conversation = await TalkAsync("one");
        var body = new { conversation_ids = new[] { conversation } };
        (await server.PostAsync("/v1/audit/exports", body, _ann.Access)).Is(403);
        var id = await RequestAsync(body);
        await DoneAsync(id);
        await SetAsync($"UPDATE audit_exports SET auditor = '{Guid.NewGuid()}' WHERE id = '{id}'");

        (await server.GetAsync($"/v1/audit/exports/{id}", _auditor.Access)).IsProblem(404, "export_unknown");
        (await server.GetAsync($"/v1/audit/exports/{id}/file", _auditor.Access)).IsProblem(404, "export_unknown");
        (await server.GetAsync("/v1/audit/exports/none", _auditor.Access)).IsProblem(404, "export_unknown");
    }

    [Fact]
    public async Task What_cannot_be_exported_is_refused()
    {
        var conversation = await TalkAsync("one");
        (await PostAsync(new { })).IsInvalid("conversation_ids");
        (await PostAsync(new { conversation_ids = Array.Empty<string>() })).IsInvalid("conversation_ids");
        (await PostAsync(new { conversation_ids = new[] { conversation, conversation.ToUpperInvariant() } }))
            .IsInvalid("conversation_ids");
        (await PostAsync(new { conversation_ids = new[] { conversation }, from = "yesterday" })).IsInvalid("from");
        (await PostAsync(new
        {
            conversation_ids = new[] { conversation },
            from = "2026-01-02T03:04:06Z",
            to = "2026-01-02T03:04:05Z",
        })).IsInvalid("to");
        (await PostAsync(new { conversation_ids = new[] { Guid.NewGuid().ToString() } }))
            .IsProblem(404, "conversation_unknown");
        (await PostAsync(new { conversation_ids = new[] { conversation }, matter_id = Guid.NewGuid().ToString() }))
            .IsProblem(404, "matter_unknown");
    }

    [Fact]
    public async Task An_auditor_has_a_few_unfinished_exports_at_most()
    {
        var exports = server.Services.GetRequiredService<IAuditExports>();
        var auditor = new UserId(Guid.NewGuid());
        var export = NewExport(Guid.NewGuid().ToString()) with { Auditor = auditor };

        var added = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => exports.AddAsync(
            export with { Id = Guid.NewGuid() }, RequestExport.UnfinishedMax, CancellationToken.None)));

        Assert.Equal(RequestExport.UnfinishedMax, added.Count(each => each));
        await SetAsync($"DELETE FROM audit_exports WHERE auditor = '{auditor}'");
    }

    private Task<Answer> PostAsync(object body) => server.PostAsync("/v1/audit/exports", body, _auditor.Access);

    private async Task<string> RequestAsync(object body) => (await PostAsync(body)).Is(202).Text("export_id");

    private Task DoneAsync(string id) => Eventually.IsTrue(
        async () => (await server.Services.GetRequiredService<IAuditExports>()
            .FindAsync(Guid.Parse(id), CancellationToken.None))!.Status == ExportStatus.Done,
        "the export is done");

    private async Task<Dictionary<string, byte[]>> ExportAsync(object body) => Read(await DownloadAsync(body));

    private static async Task<(int Code, string Output)> VerifyAsync(byte[] zip, string key, params string[] options)
    {
        var path = Path.GetTempFileName();
        await File.WriteAllBytesAsync(path, zip);
        using var output = new StringWriter();
        var code = await Verify.Commands.RunAsync(
            ["export", path, "--vkey", key, .. options], output, output, new HttpClientHandler());
        File.Delete(path);
        return (code, output.ToString());
    }

    private static byte[] Changed(byte[] zip, string name)
    {
        using var bytes = new MemoryStream();
        bytes.Write(zip);
        using (var archive = new ZipArchive(bytes, ZipArchiveMode.Update, leaveOpen: true))
        {
            using var entry = archive.GetEntry(name)!.Open();
            entry.Position = 30;
            entry.WriteByte((byte)'x');
        }

        return bytes.ToArray();
    }

    private Task<byte[]> DownloadAsync(object body) => server.DownloadAsync(_auditor, body);

    private static Dictionary<string, byte[]> Read(byte[] bytes) => AuditCalls.Unzip(bytes);

    /// <summary>Ann starts a group with Ben, and writes to it.</summary>
    private async Task<string> TalkAsync(params string[] texts)
    {
        var (ann, ben) = (_ann, await server.SignInAsync(name: "Ben"));
        var conversation = (await server.PostAsync(
            "/v1/conversations", new { type = "group", title = "talk", member_ids = new[] { ben.User } }, ann.Access))
            .Is(201).Text("conversation_id");
        foreach (var text in texts)
            await SayAsync(conversation, text);
        await server.LoggedAsync(_auditor, conversation);
        return conversation;
    }

    private async Task SayAsync(string conversation, string text) => (await server.PostAsync(
        "/v1/messages",
        new { message_id = Guid.CreateVersion7(), conversation_id = conversation, type = "text", text },
        _ann.Access)).Is(201);

    private async Task<string> WriteAsync(string conversation, OpenedMatter matter)
    {
        var folder = Directory.CreateTempSubdirectory("export").FullName;
        await server.Services.GetRequiredService<ConversationExport>().WriteAsync(
            NewExport(conversation), new ConversationId(Guid.Parse(conversation)), matter, folder,
            (_, _) => Task.CompletedTask, CancellationToken.None);
        return folder;
    }

    private AuditExport NewExport(params string[] conversations) => new(
        Guid.CreateVersion7(), new UserId(Guid.Parse(_auditor.User)), new DeviceId(Guid.Parse(_auditor.Device)), null,
        [.. conversations.Select(id => new ConversationId(Guid.Parse(id)))], null, null, ExportStatus.Queued, 0, 0,
        null, DateTimeOffset.UtcNow);

    private async Task RunAsync(Guid export, IBlobs blobs)
    {
        var services = server.Services;
        var exports = services.GetRequiredService<IAuditExports>();
        var scratch = Directory.CreateTempSubdirectory("export").FullName;
        var handler = new RunExport.Handler(
            exports, services.GetRequiredService<IEventStore>(), services.GetRequiredService<IMatters>(),
            services.GetRequiredService<IAccessLog>(), new ExportFiles(exports, blobs),
            services.GetRequiredService<ConversationExport>(),
            new ExportArchive(
                exports, blobs, services.GetRequiredService<AccessLines>(), services.GetRequiredService<AuditWriter>(),
                services.GetRequiredService<IExportEvidence>(), TimeProvider.System),
            services.GetRequiredService<IOptions<AuditOptions>>(), TimeProvider.System);
        await handler.Handle(new RunExport.Command(export, scratch), CancellationToken.None);
        Directory.Delete(scratch, recursive: true);
    }

    private async Task SetAsync(string sql)
    {
        await using var command = server.Database.CreateCommand(sql);
        Assert.True(await command.ExecuteNonQueryAsync() > 0);
    }

    private static string Of(string conversation, string file) => $"conversations/{conversation}/{file}";

    private static Dictionary<string, string> Sums(Dictionary<string, byte[]> files) =>
        Text(files["SHA256SUMS"]).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .ToDictionary(line => line[66..], line => line[..64]).OrderBy(sum => sum.Key, StringComparer.Ordinal)
            .ToDictionary();

    private static List<JsonElement> Lines(byte[] file) =>
        [.. Text(file).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];

    private static StoredEvent Stored(JsonElement line)
    {
        var raw = line.GetProperty("raw");
        return new StoredEvent(
            "", line.GetProperty("seq").GetInt64(), LogPosition.Start, line.GetProperty("event_id").GetGuid(),
            line.GetProperty("type").GetString()!, Encoding.UTF8.GetBytes(raw.GetProperty("payload").GetString()!),
            Encoding.UTF8.GetBytes(raw.GetProperty("metadata").GetString()!));
    }

    /// <summary>The manifest in the attachment of an e-mail in Relativity's Short Message Format.</summary>
    private static JsonElement Manifest(string path)
    {
        using var mail = MimeMessage.Load(path);
        using var bytes = new MemoryStream();
        ((MimePart)mail.Attachments.Single()).Content!.DecodeTo(bytes);
        using var zip = new ZipArchive(bytes);
        using var reader = new StreamReader(zip.GetEntry("rsmf_manifest.json")!.Open());
        return JsonElement.Parse(reader.ReadToEnd());
    }

    private static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes);

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>Stores some blobs, then ends as a node does that is stopped.</summary>
    private sealed record EndingBlobs(IBlobs Inner, int EndsAfter) : IBlobs
    {
        public List<BlobKey> Stored { get; init; } = [];

        public async Task<long> PutAsync(BlobKey key, Stream content, CancellationToken cancellationToken)
        {
            if (Stored.Count >= EndsAfter)
                throw new OperationCanceledException();
            Stored.Add(key);
            return await Inner.PutAsync(key, content, cancellationToken);
        }

        public Task<Stream?> OpenAsync(BlobKey key, long offset, CancellationToken cancellationToken) =>
            Inner.OpenAsync(key, offset, cancellationToken);

        public Task DeleteAsync(BlobKey key, CancellationToken cancellationToken) =>
            Inner.DeleteAsync(key, cancellationToken);
    }
}

/// <summary>A server that makes a batch a second.</summary>
public sealed class ExportServer : ChatServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
        [.. base.Settings, ("Audit:Interval", "00:00:01")];
}
