using System.Diagnostics;

namespace ChatCqrs.Testing;

/// <summary>A program of <c>tests/LogCheck</c>, run with Go and the packages that Debian ships.</summary>
public static class GoProgram
{
    private const string Packages = "/usr/share/gocode";

    private static readonly string? Go = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Append("/usr/lib/go-1.19/bin").Append("/usr/local/go/bin")
        .Select(folder => Path.Combine(folder, "go")).FirstOrDefault(File.Exists);

    /// <inheritdoc cref="Prerequisites.MayBeMissing"/>
    public static string? Missing { get; } =
        Go is null || !Directory.Exists($"{Packages}/src/golang.org/x/mod/sumdb/tlog")
            ? Prerequisites.MayBeMissing("Go is missing (golang-1.19-go, golang-golang-x-mod-dev).")
            : null;

    /// <summary>Runs a program to its end.</summary>
    /// <param name="folder">Its folder below <c>tests/LogCheck</c>.</param>
    /// <param name="arguments">Its arguments.</param>
    public static async Task<(int Code, string Output)> RunAsync(string folder, params string[] arguments)
    {
        using var process = Start(folder, arguments);
        process.StandardInput.Close();
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await errors);
    }

    /// <summary>Starts a program, which ends when its input does.</summary>
    public static Process Start(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(Go!, ["run", "main.go", .. arguments])
        {
            WorkingDirectory = Path.Combine(Repository.Root, "tests", "LogCheck", folder),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["GO111MODULE"] = "off";
        start.Environment["GOPATH"] = Packages;
        start.Environment["GOCACHE"] = Path.Combine(Path.GetTempPath(), "chatcqrs-go-cache");
        start.Environment["GOFLAGS"] = "";
        return Process.Start(start)!;
    }
}
