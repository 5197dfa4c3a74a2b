using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace ChatCqrs.Acceptance.Server;

/// <summary>A private Redis on loopback without persistence. It must be installed (Debian: redis-server).</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private const string NotInstalled = "redis-server is not installed (Debian: apt install redis-server).";

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs-redis-").FullName;
    private readonly int _port = Shell.FreePort();
    private Process? _process;

    private RedisServer() => AppDomain.CurrentDomain.ProcessExit += (_, _) => _process?.Kill();

    /// <summary>
    /// The reason to skip tests that need Redis; null if it is installed, or if <c>CI</c> is set: then a missing Redis
    /// fails them.
    /// </summary>
    public static string? Missing { get; } =
        Installed is null && Environment.GetEnvironmentVariable("CI") is not { Length: > 0 } ? NotInstalled : null;

    private static string? Installed => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Select(folder => Path.Combine(folder, "redis-server")).FirstOrDefault(File.Exists);

    public string ConnectionString => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_port}");

    public static async Task<RedisServer> StartAsync()
    {
        if (Installed is null) throw new InvalidOperationException(NotInstalled);
        var server = new RedisServer();
        await server.StartAgainAsync();
        return server;
    }

    /// <summary>SIGKILL. All its data is lost.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    /// <summary>Starts it at the same address.</summary>
    public async Task StartAgainAsync()
    {
        var port = _port.ToString(CultureInfo.InvariantCulture);
        _process = Process.Start(new ProcessStartInfo(
            Installed!, ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", _folder, "--logfile", "log"]))!;
        await Eventually.BeAsync(IsUpAsync, "Redis takes connections");
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await KillAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<bool> IsUpAsync()
    {
        try
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync("127.0.0.1", _port);
            return true;
        }
        catch (SocketException)
        {
            return false; // Not up yet.
        }
    }
}
