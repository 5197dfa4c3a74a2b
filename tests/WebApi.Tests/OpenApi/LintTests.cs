using System.Text.Json;
using ChatCqrs.Testing;

namespace ChatCqrs.WebApi.Tests.OpenApi;

/// <summary>What Redocly CLI's recommended rules find in the OpenAPI document.</summary>
public sealed class LintTests(SharedServer server) : IClassFixture<SharedServer>
{
    private const string Version = "2.77.0";

    /// <summary>
    /// Rules that do not fit: the answer of a handshake is 101, that of a form 303, and a liveness check has no 4xx.
    /// </summary>
    private static readonly string[] NotOurs = ["operation-2xx-response", "operation-4xx-response"];

    [SkippableFact]
    public async Task An_independent_linter_finds_nothing()
    {
        Skip.If(NodePackage.Missing is not null, NodePackage.Missing);
        var folder = await NodePackage.InstallAsync("@redocly/cli", Version);
        var document = Path.Combine(folder, "swagger.json");
        await File.WriteAllTextAsync(document, await server.Http.GetStringAsync("/swagger/v1/swagger.json"));

        using var linter = NodePackage.Command(
            folder, "@redocly/cli/bin/cli.js", "lint", document, "--extends=recommended", "--format=json",
            "--max-problems=1000");
        var errors = linter.StandardError.ReadToEndAsync(Eventually.Cancelled(NodePackage.RunMax));
        var output = await linter.StandardOutput.ReadToEndAsync(Eventually.Cancelled(NodePackage.RunMax));
        await linter.WaitForExitAsync(Eventually.Cancelled(NodePackage.RunMax));

        Assert.True(output.Contains('{', StringComparison.Ordinal), await errors);
        var report = JsonSerializer.Deserialize<JsonElement>(
            output.AsSpan(output.IndexOf('{', StringComparison.Ordinal)));
        var found = report.GetProperty("problems").EnumerateArray()
            .Where(problem => !NotOurs.Contains(problem.GetProperty("ruleId").GetString()))
            .Select(problem => problem.GetRawText()).ToList();
        Assert.True(found.Count == 0, string.Join('\n', found));
        Assert.Equal(0, report.GetProperty("totals").GetProperty("errors").GetInt32());
    }
}
