using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace ChatCqrs.Testing;

/// <summary>A private Redis on a free loopback port, without persistence.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private const string NotInstalled = "redis-server is not installed (Debian: apt install redis-server).";

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs-redis").FullName;
    private readonly int _port;
    private Process? _process;

    private RedisServer()
    {
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            _port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        AppDomain.CurrentDomain.ProcessExit += (_, _) => End();
    }

    /// <inheritdoc cref="Prerequisites.MayBeMissing"/>
    public static string? Missing => Installed is null ? Prerequisites.MayBeMissing(NotInstalled) : null;

    public string ConnectionString => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_port}");

    private static string? Installed => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Select(folder => Path.Combine(folder, "redis-server")).FirstOrDefault(File.Exists);

    public static async Task<RedisServer> StartAsync()
    {
        var server = Later();
        await server.ComeAsync();
        return server;
    }

    /// <summary>A Redis that is not started yet.</summary>
    public static RedisServer Later() => new();

    /// <summary>Starts it; returns when it takes connections.</summary>
    public Task ComeAsync()
    {
        Begin();
        return Eventually.IsTrue(IsUpAsync, "Redis takes connections");
    }

    /// <summary>
    /// A new connection, as each node has one. Before the server is started, it connects in the background.
    /// </summary>
    public Task<ConnectionMultiplexer> ConnectAsync()
    {
        var options = _process is null ? "abortConnect=false,connectTimeout=500" : "allowAdmin=true";
        return ConnectionMultiplexer.ConnectAsync($"{ConnectionString},{options}");
    }

    public ValueTask DisposeAsync()
    {
        End();
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    private async Task<bool> IsUpAsync()
    {
        try
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(IPAddress.Loopback, _port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Begin()
    {
        var program = Installed ?? throw new InvalidOperationException(NotInstalled);
        var port = _port.ToString(CultureInfo.InvariantCulture);
        _process = Process.Start(new ProcessStartInfo(
            program, ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", _folder])
        {
            RedirectStandardOutput = true,
        })!;
        _process.OutputDataReceived += (_, _) => { }; // Drains the pipe, so that Redis never blocks on it.
        _process.BeginOutputReadLine();
    }

    private void End()
    {
        if (_process is null || _process.HasExited)
            return;
        _process.Kill();
        _process.WaitForExit();
    }
}
