using System.Diagnostics;
using System.Globalization;
using System.Text;
using ChatCqrs.Acceptance.Client;

namespace ChatCqrs.Acceptance.Server;

/// <summary>A server process that tests can stop, kill and start again at the same address.</summary>
public sealed class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(60);

    private readonly Deployment _deployment;
    private readonly StringBuilder _output = new();
    private Process? _process;

    private ServerProcess(Deployment deployment)
    {
        _deployment = deployment;
        Address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Shell.FreePort()}"));
        Api = new ChatApi(Address);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => _process?.Kill();
    }

    public Uri Address { get; }

    public ChatApi Api { get; }

    public bool IsRunning => _process is not null;

    /// <summary>The output of all its runs: its log.</summary>
    public string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    public static async Task<ServerProcess> StartAsync(Deployment deployment)
    {
        var server = new ServerProcess(deployment);
        await server.StartAsync();
        return server;
    }

    /// <summary>Starts the server; returns when it is ready.</summary>
    public async Task StartAsync()
    {
        var start = new ProcessStartInfo("dotnet", [Dll])
        {
            WorkingDirectory = Path.GetDirectoryName(Dll),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in Settings()) start.Environment[name] = value;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Note(line.Data);
        _process.ErrorDataReceived += (_, line) => Note(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await Eventually.BeAsync(IsReadyAsync, $"the server is ready. Its output:\n{Output}", StartDeadline);
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await EndAsync();
    }

    /// <summary>SIGTERM; returns when the server has shut down.</summary>
    public async Task StopAsync()
    {
        Shell.Stop(_process!);
        await EndAsync();
    }

    /// <summary>SIGSTOP: it hangs, and closes no connection.</summary>
    public void Suspend() => Shell.Suspend(_process!);

    /// <summary>SIGCONT.</summary>
    public void Continue() => Shell.Continue(_process!);

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await KillAsync();
        Api.Dispose();
    }

    private async Task EndAsync()
    {
        await _process!.WaitForExitAsync().WaitAsync(Eventually.Deadline);
        _process.Dispose();
        _process = null;
    }

    private Dictionary<string, string> Settings() => new Dictionary<string, string>(_deployment.Settings)
    {
        ["ASPNETCORE_ENVIRONMENT"] = "Development",
        ["ASPNETCORE_URLS"] = Address.AbsoluteUri,
        ["RateLimits__Enabled"] = "false",
        ["Audit__Interval"] = "00:00:01", // Nothing is truncated before a head covers it.
        ["ConnectionStrings__Postgres"] = _deployment.Postgres.Text,
        ["ConnectionStrings__EventStore"] = Surroundings.EventStore ?? "",
        ["DataFolder"] = _deployment.DataFolder,
    };

    private async Task<bool> IsReadyAsync()
    {
        if (_process!.HasExited)
            throw new InvalidOperationException($"The server ended with {_process.ExitCode}:\n{Output}");
        try
        {
            return (await Api.GetAsync("/health/ready")).Status == 200;
        }
        catch (HttpRequestException)
        {
            return false; // Not listening yet.
        }
    }

    private void Note(string? line)
    {
        lock (_output) _output.AppendLine(line);
    }

    /// <summary>The given server, or the one built with this suite: same tree, same configuration.</summary>
    private static string Dll
    {
        get
        {
            if (Surroundings.ServerDll is { } given) return given;
            var own = new DirectoryInfo(AppContext.BaseDirectory); // tests/Acceptance/bin/<configuration>/<framework>
            var root = own;
            while (!File.Exists(Path.Combine(root.FullName, "ChatCqrs.sln")))
                root = root.Parent ?? throw new InvalidOperationException(
                    "The suite runs inside its tree, or is given CHATCQRS_SERVER_DLL.");
            return Path.Combine(
                root.FullName, "src", "WebApi", "bin", own.Parent!.Name, own.Name, "ChatCqrs.WebApi.dll");
        }
    }
}
