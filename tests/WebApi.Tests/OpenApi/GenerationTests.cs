using System.Diagnostics;
using ChatCqrs.Testing;

namespace ChatCqrs.WebApi.Tests.OpenApi;

/// <summary>
/// Clients that others' generators make of the running server's document compile, against a small program each
/// (<c>tests/Generation</c>), and the programs work.
/// </summary>
public sealed class GenerationTests(SharedServer server) : IClassFixture<SharedServer>
{
    /// <summary>
    /// Both programs write it: whether the last message of an inbox is the one sent, and a refusal has its code.
    /// </summary>
    private static string Expected(string text, string status) => $"True {text} {status} True";

    [SkippableFact]
    public async Task TypeScript_of_openapi_typescript_compiles_and_works()
    {
        Skip.If(NodePackage.Missing is not null, NodePackage.Missing);
        var folder = await NodePackage.InstallAllAsync(Repository.At("tests/Generation"));
        Copy("typescript", Path.Combine(folder, "program"));
        await WriteDocumentAsync(folder);

        await RunAsync(NodePackage.Command(
            folder, "openapi-typescript/bin/cli.js", "openapi.json", "-o", "program/schema.d.ts"));
        await RunAsync(NodePackage.Command(folder, "typescript/bin/tsc", "-p", "program/tsconfig.json"));
        var written = await RunAsync(NodePackage.Command(folder, "../program/out/program.js", Address));

        Assert.Equal(Expected("hello", "sent"), written.Trim(), ignoreCase: true);
    }

    [Fact]
    public async Task CSharp_of_Kiota_compiles_and_works()
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "generated");
        Copy("csharp", folder);
        Directory.CreateDirectory(Path.Combine(folder, ".config"));
        File.Copy(
            Repository.At("tests/Generation/dotnet-tools.json"), Path.Combine(folder, ".config/dotnet-tools.json"),
            overwrite: true);
        await WriteDocumentAsync(folder);

        await RunAsync(DotNet(folder, "tool", "restore"));
        await RunAsync(DotNet(
            folder, "kiota", "generate", "-l", "CSharp", "-d", "openapi.json", "-o", "Generated", "-c", "ChatApi",
            "-n", "Generated", "--clean-output", "--log-level", "Warning"));
        await RunAsync(DotNet(folder, "build", "-c", "Release", "-o", "out", "--nologo", "-v", "quiet"));
        var written = await RunAsync(DotNet(folder, "out/Program.dll", Address));

        Assert.Equal(Expected("hello", "Sent"), written.Trim());
    }

    private string Address => server.Http.BaseAddress!.ToString().TrimEnd('/');

    private async Task WriteDocumentAsync(string folder) => await File.WriteAllTextAsync(
        Path.Combine(folder, "openapi.json"), await server.Http.GetStringAsync("/swagger/v1/swagger.json"));

    private static void Copy(string name, string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.GetFiles(Repository.At($"tests/Generation/{name}")))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
    }

    private static Process DotNet(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["KIOTA_OFFLINE_ENABLED"] = "true"; // Else it asks for a newer version of itself.
        start.Environment["KIOTA_CLI_TELEMETRY_OPTOUT"] = "true";
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        return Process.Start(start)!;
    }

    /// <returns>What the program wrote; it must succeed.</returns>
    private static async Task<string> RunAsync(Process started)
    {
        using var process = started;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, output + await errors);
        return output;
    }
}
