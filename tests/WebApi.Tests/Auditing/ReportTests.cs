using System.Diagnostics;
using System.Text;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Auditing.Exports;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>The report of an export is for people: any name and any script, on a screen and on paper.</summary>
public sealed class ReportTests(ExportServer server) : IClassFixture<ExportServer>, IAsyncLifetime
{
    private const string Hebrew = "\u05e9\u05dc\u05d5\u05dd \u05dc\u05db\u05d5\u05dc\u05dd, 12:30?";
    private const string Arabic = "\u0645\u0631\u062d\u0628\u0627 (\u0627\u062e\u062a\u0628\u0627\u0631) ABC 123";
    private const string Family =
        "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f44d\U0001f3fd \U0001f1ea\U0001f1fa";

    private const string Title = "\u05e7\u05d1\u05d5\u05e6\u05d4 & <friends>";
    private const string Override = "\u202etxt.exe";

    private static readonly string? Chromium = Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, "chromium")).FirstOrDefault(File.Exists);

    private readonly string _folder = Directory.CreateTempSubdirectory("report").FullName;

    public Task InitializeAsync() => WriteAsync();

    public Task DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    [Fact]
    public void Every_text_has_its_own_direction_and_turns_nothing_else()
    {
        var report = File.ReadAllText(Path.Combine(_folder, "report.html"));

        Assert.Contains("unicode-bidi:plaintext", report, StringComparison.Ordinal);
        Assert.Contains($"<bdi>{Encoded("\u05e8\u05d5\u05ea Ruth")}</bdi>", report, StringComparison.Ordinal);
        Assert.Contains(Encoded(Hebrew), report, StringComparison.Ordinal);
        Assert.Contains(Encoded(Arabic), report, StringComparison.Ordinal);
        Assert.Contains(Encoded(Family), report, StringComparison.Ordinal);
        Assert.DoesNotContain('\u202e', report);
        Assert.Contains("txt.exe", report, StringComparison.Ordinal);
        Assert.Contains(Encoded(Title), report, StringComparison.Ordinal);
        Assert.Contains("@page", report, StringComparison.Ordinal);
        Assert.Contains("max-width:32rem", report, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task It_prints()
    {
        Skip.If(Chromium is null, Prerequisites.MayBeMissing("Chromium is not installed."));
        var pdf = Path.Combine(_folder, "report.pdf");

        using var browser = Process.Start(new ProcessStartInfo(
            Chromium!,
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
                $"--user-data-dir={_folder}/user", $"--print-to-pdf={pdf}", $"file://{_folder}/report.html",
            ])
        {
            RedirectStandardError = true,
        })!;
        var errors = await browser.StandardError.ReadToEndAsync();
        await browser.WaitForExitAsync();

        Assert.True(browser.ExitCode == 0, errors);
        var printed = Encoding.Latin1.GetString(await File.ReadAllBytesAsync(pdf));
        Assert.StartsWith("%PDF", printed, StringComparison.Ordinal);
        Assert.InRange(printed.Split("/Type /Page\n").Length - 1, 2, 20);
    }

    /// <summary>As the report escapes it.</summary>
    private static string Encoded(string text) => System.Net.WebUtility.HtmlEncode(text);

    /// <summary>A group of people with all kinds of names writes all kinds of texts.</summary>
    private async Task WriteAsync()
    {
        var auditor = await server.SignInAuditorAsync();
        var (ann, ruth, omar) = (
            await server.SignInAsync(name: "Donaudampfschifffahrtselektrizitatenhauptbetriebswerk-Bauunternehmer"),
            await server.SignInAsync(name: "\u05e8\u05d5\u05ea Ruth"),
            await server.SignInAsync(name: "\u0639\u0645\u0631"));
        var group = (await server.PostAsync(
            "/v1/conversations",
            new { type = "group", title = Title, member_ids = new[] { ruth.User, omar.User } },
            ann.Access)).Is(201).Text("conversation_id");
        var first = await SendAsync(ann, "Good morning. Who takes the minutes today?");
        await SendAsync(ruth, Hebrew);
        await SendAsync(omar, Arabic);
        await SendAsync(ann, Family);
        await SendAsync(omar, $"See {Override}, and https://example.org/" + new string('a', 300));
        await SendAsync(ruth, string.Join("\n\n", Enumerable.Repeat(
            "A long text, as people write when they explain something at length and nobody stops them. ", 40)));
        for (var n = 0; n < 30; n++)
            await SendAsync(n % 2 == 0 ? ann : omar, $"Point {n + 1} of the list.");
        (await server.PatchAsync(
            $"/v1/conversations/{group}/messages/{first}", new { text = "Good morning! Who takes the minutes?" },
            ann.Access)).Is(200);
        (await server.SendAsync(
            HttpMethod.Put, $"/v1/conversations/{group}/messages/{first}/reaction", new { emoji = "\U0001f44d" },
            ruth.Access)).Is(204);
        (await server.DeleteAsync($"/v1/conversations/{group}/messages/{first}", ann.Access)).Is(204);
        (await server.DeleteAsync($"/v1/conversations/{group}/members/{omar.User}", omar.Access)).Is(204);
        await server.LoggedAsync(auditor, group);
        var conversation = new ConversationId(Guid.Parse(group));
        var export = new AuditExport(
            Guid.CreateVersion7(), new UserId(Guid.Parse(auditor.User)), new DeviceId(Guid.Parse(auditor.Device)),
            new MatterId(Guid.CreateVersion7()), [conversation], null, null, ExportStatus.Running, 0, 0, null,
            DateTimeOffset.UtcNow);
        await server.Services.GetRequiredService<ConversationExport>().WriteAsync(
            export, conversation, new OpenedMatter(export.Matter!.Value, null, null, Content: true), _folder,
            (_, _) => Task.CompletedTask, default);

        async Task<string> SendAsync(Tokens by, string text)
        {
            var id = Guid.CreateVersion7().ToString();
            (await server.PostAsync(
                "/v1/messages", new { message_id = id, conversation_id = group, type = "text", text }, by.Access))
                .Is(201);
            return id;
        }
    }
}
