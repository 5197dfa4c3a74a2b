using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace ChatCqrs.Acceptance.Server;

/// <summary>A private PostgreSQL on loopback that tests may kill. It must be installed (Debian: postgresql).</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private static readonly bool IsRoot = Environment.UserName == "root";

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs-pg-").FullName;
    private readonly int _port = Shell.FreePort();
    private Process? _process;

    private PostgresServer() => AppDomain.CurrentDomain.ProcessExit += (_, _) => End();

    public PostgresUri Uri =>
        new(string.Create(CultureInfo.InvariantCulture, $"postgresql://chat@127.0.0.1:{_port}/postgres"));

    private string Data => Path.Combine(_folder, "data");

    public static async Task<PostgresServer> StartAsync()
    {
        var server = new PostgresServer();
        if (IsRoot) await Shell.RunAsync("chown", "nobody", server._folder); // PostgreSQL refuses to run as root.
        var (file, arguments) = Unprivileged(
            "initdb", "-D", server.Data, "-U", "chat", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync");
        await Shell.RunAsync(file, arguments);
        await server.RestartAsync();
        return server;
    }

    /// <summary>Starts or restarts it on the same data and port; returns when it takes connections.</summary>
    public async Task RestartAsync()
    {
        var port = string.Create(CultureInfo.InvariantCulture, $"{_port}");
        var (file, arguments) = Unprivileged(
            "postgres", "-D", Data, "-p", port,
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
            "-c", "max_connections=300", "-c", "logging_collector=on",
            "-c", "fsync=off"); // Kills end processes, not the machine: writes survive.
        _process = Process.Start(new ProcessStartInfo(file, arguments) { WorkingDirectory = _folder })!;
        await Eventually.BeAsync(IsUpAsync, "PostgreSQL takes connections");
    }

    /// <summary>SIGKILL for the postmaster and all its children.</summary>
    public async Task KillAsync()
    {
        await Shell.KillAsync(Shell.Family(_process!.Id));
        _process.Dispose();
        _process = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await KillAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private void End()
    {
        if (_process is null) return;
        _process.Kill();
        _process = null;
    }

    private async Task<bool> IsUpAsync()
    {
        if (_process!.HasExited) throw new InvalidOperationException($"PostgreSQL ended: {_process.ExitCode}");
        try
        {
            await Uri.ExecuteAsync("SELECT 1");
            return true;
        }
        catch (NpgsqlException)
        {
            return false; // Not up yet.
        }
    }

    private static (string File, string[] Arguments) Unprivileged(string program, params string[] arguments) => IsRoot
        ? ("setpriv", ["--reuid=nobody", "--regid=nogroup", "--clear-groups", Find(program), .. arguments])
        : (Find(program), arguments);

    /// <summary>The path of a PostgreSQL program.</summary>
    internal static string Find(string program)
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        var debian = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql")
                .OrderDescending().Select(version => Path.Combine(version, "bin"))
            : [];
        return path.Concat(debian).Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException($"{program} is not installed (Debian: apt install postgresql).");
    }
}
