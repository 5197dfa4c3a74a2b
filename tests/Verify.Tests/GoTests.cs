using System.Diagnostics;

namespace ChatCqrs.Verify.Tests;

/// <summary>What Go's own library signs and proves is good here.</summary>
public sealed class GoTests
{
    private static readonly string? Program =
        new[] { "/usr/lib/go-1.19/bin/go", "/usr/bin/go" }.FirstOrDefault(File.Exists);

    [SkippableFact]
    public async Task An_export_that_Go_wrote_is_good()
    {
        Skip.If(
            Program is null && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI")),
            "Go is not installed (Debian: apt install golang-1.19-go golang-golang-x-mod-dev).");
        var folder = Directory.CreateTempSubdirectory("verify").FullName;
        var zip = Path.Combine(folder, "export.zip");

        var key = await RunAsync("run", Path.Combine(AppContext.BaseDirectory, "Go", "export.go"), zip);
        var outcome = await Outcome.OfAsync(await File.ReadAllBytesAsync(zip), key);

        outcome.IsGood();
        Assert.Contains("17 events, seq 0 to 16", outcome.Output, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    private static async Task<string> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(Program!, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["GO111MODULE"] = "off";
        start.Environment["GOPATH"] = "/usr/share/gocode";
        start.Environment["GOCACHE"] = Path.Combine(Path.GetTempPath(), "chatcqrs-go-cache");
        using var go = Process.Start(start)!;
        var errors = go.StandardError.ReadToEndAsync();
        var output = await go.StandardOutput.ReadToEndAsync();
        await go.WaitForExitAsync();
        Assert.True(go.ExitCode == 0, await errors);
        return output;
    }
}
