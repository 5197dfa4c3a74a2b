using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace ChatCqrs.Testing;

/// <summary>A Redis of our own, on a free loopback port, that keeps nothing.</summary>
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

    /// <summary>One that is not there yet.</summary>
    public static RedisServer Later() => new();

    /// <summary>Starts one that was not there yet.</summary>
    public Task ComeAsync()
    {
        Begin();
        return Eventually.IsTrue(IsUpAsync, "Redis takes connections");
    }

    /// <summary>A connection of its own, as each node has one; it is made later where the server is not there yet.</summary>
    public Task<ConnectionMultiplexer> ConnectAsync() =>
        ConnectionMultiplexer.ConnectAsync(ConnectionString + (_process is null ? ",abortConnect=false,connectTimeout=500" : ",allowAdmin=true"));

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
        _process = Process.Start(new ProcessStartInfo(
            Installed ?? throw new InvalidOperationException(NotInstalled), ["--port", _port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", _folder])
        {
            RedirectStandardOutput = true,
        })!;
        _process.OutputDataReceived += (_, _) => { }; // Read, so that it never waits for us.
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
