using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using ChatCqrs.Acceptance.Server;
using ChatCqrs.Testing;

namespace ChatCqrs.Acceptance.TypeScript;

/// <summary>The package of <c>clients/typescript</c>, built once, and Node.js programs that use it.</summary>
public static class TypeScriptSdk
{
    private const int NodeMin = 20;

    private const string NotInstalled = "Node.js 20 or later is not installed, with npm.";

    private const string NoBrowser = "Chromium is not installed.";

    private static readonly Lazy<Task> Building = new(BuildAsync);

    /// <inheritdoc cref="Prerequisites.MayBeMissing"/>
    public static string? Missing { get; } = IsInstalled() ? null : Prerequisites.MayBeMissing(NotInstalled);

    /// <inheritdoc cref="Prerequisites.MayBeMissing"/>
    public static string? BrowserMissing { get; } =
        Missing ?? (IsOnPath("chromium") ? null : Prerequisites.MayBeMissing(NoBrowser));

    /// <summary>The folder of the package.</summary>
    public static string Folder { get; } = Repository.At("clients/typescript");

    /// <summary>Starts a program of the package's folder, once the package is built.</summary>
    public static async Task<NodeProgram> StartAsync(params string[] arguments)
    {
        await Building.Value;
        return new NodeProgram(Folder, arguments, []);
    }

    /// <inheritdoc cref="StartAsync(string[])"/>
    public static async Task<NodeProgram> StartAsync(
        string folder, string[] arguments, params (string Name, string Value)[] environment)
    {
        await Building.Value;
        return new NodeProgram(folder, arguments, environment);
    }

    private static async Task BuildAsync()
    {
        if (!File.Exists(Path.Combine(Folder, "node_modules", ".package-lock.json")))
            await Shell.RunAsync("npm", "--prefix", Folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund");
        await Shell.RunAsync("npm", "--prefix", Folder, "run", "build");
    }

    private static bool IsInstalled()
    {
        if (!IsOnPath("npm")) return false;
        var start = new ProcessStartInfo("node", ["-p", "process.versions.node.split('.')[0]"])
        {
            RedirectStandardOutput = true,
        };
        using var node = Process.Start(start)!;
        return int.Parse(node.StandardOutput.ReadToEnd(), CultureInfo.InvariantCulture) >= NodeMin;
    }

    private static bool IsOnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, program)));
}

/// <summary>A test that runs the TypeScript SDK in Node.js.</summary>
public sealed class NodeFactAttribute : FactAttribute
{
    /// <param name="ownServer">Whether the test stops, kills or inspects the server.</param>
    public NodeFactAttribute(bool ownServer = false) => Skip = ownServer && Surroundings.Url is not null
        ? "CHATCQRS_URL names a server that is not ours to stop."
        : TypeScriptSdk.Missing;
}

/// <summary>A test that runs the TypeScript SDK in Chromium.</summary>
public sealed class BrowserFactAttribute : FactAttribute
{
    public BrowserFactAttribute() => Skip = TypeScriptSdk.BrowserMissing;
}

/// <summary>A running Node.js program: its lines of output, and its input.</summary>
public sealed class NodeProgram : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = [];
    private readonly ConcurrentQueue<string> _errors = [];

    internal NodeProgram(string folder, string[] arguments, (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("node", arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Note(_lines, line.Data);
        _process.ErrorDataReceived += (_, line) => Note(_errors, line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public IReadOnlyCollection<string> Lines => _lines;

    public bool HasEnded => _process.HasExited;

    /// <summary>Everything that it said, for a failure's message.</summary>
    public string Output => string.Join('\n', _lines.TakeLast(200).Concat(_errors.TakeLast(100)));

    public async Task WriteAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
    }

    public void EndInput() => _process.StandardInput.Close();

    /// <summary>Waits for a line; fails if the program ends before.</summary>
    public async Task<string> LineAsync(Func<string, bool> isIt, string what, TimeSpan? within = null)
    {
        await Eventually.BeAsync(
            () => _lines.Any(isIt) || HasEnded, $"{what}. The output:\n{Output}", within);
        return _lines.FirstOrDefault(isIt)
            ?? throw new InvalidOperationException($"It ended before: {what}.\n{Output}");
    }

    /// <summary>Waits for its end; fails unless it ends well.</summary>
    public async Task EndedAsync(TimeSpan within)
    {
        await _process.WaitForExitAsync().WaitAsync(within);
        Assert.True(_process.ExitCode == 0, $"It ended with {_process.ExitCode}:\n{Output}");
    }

    public async ValueTask DisposeAsync()
    {
        if (!HasEnded) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static void Note(ConcurrentQueue<string> lines, string? line)
    {
        if (line is not null) lines.Enqueue(line);
    }
}
