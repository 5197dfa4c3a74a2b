using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace ChatCqrs.Bench.Systems;

/// <summary>A child process with its output in a file. Disposal sends SIGTERM, and kills it after a deadline.</summary>
internal sealed partial class Child : IAsyncDisposable
{
    private const int Terminate = 15;
    private static readonly TimeSpan StartMost = TimeSpan.FromMinutes(5), StopMost = TimeSpan.FromSeconds(40);
    private static readonly List<Child> Alive = [];

    private readonly Process _process;
    private readonly string _log;

    private Child(Process process, string log) => (_process, _log) = (process, log);

    /// <summary>Starts a program and waits until its address answers 200.</summary>
    public static async Task<Child> StartAsync(
        Uri ready, string log, string program, string[] arguments, params (string Name, string Value)[] environment)
    {
        // The shell redirects the output, then becomes the program.
        var start = new ProcessStartInfo(
            "sh", ["-c", "exec \"$@\" >>\"$0\" 2>&1 </dev/null", log, program, .. arguments]);
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var child = new Child(Process.Start(start)!, log);
        lock (Alive)
        {
            Alive.Add(child);
        }

        try
        {
            await child.AnsweringAsync(ready);
            return child;
        }
        catch
        {
            await child.DisposeAsync();
            throw;
        }
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Ends all running children, and waits for them.</summary>
    public static void StopAll()
    {
        Child[] alive;
        lock (Alive)
        {
            alive = [.. Alive];
        }

        Task.WhenAll(alive.Select(child => child.DisposeAsync().AsTask())).GetAwaiter().GetResult();
    }

    public async ValueTask DisposeAsync()
    {
        lock (Alive)
        {
            if (!Alive.Remove(this))
            {
                return;
            }
        }

        if (!_process.HasExited)
        {
            _ = Kill(_process.Id, Terminate);
        }

        using var most = new CancellationTokenSource(StopMost);
        try
        {
            await _process.WaitForExitAsync(most.Token);
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine(
                $"The process did not end within {StopMost.TotalSeconds} s and was killed; see {_log}");
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    private async Task AnsweringAsync(Uri ready)
    {
        using var http = new HttpClient();
        using var most = new CancellationTokenSource(StartMost);
        while (!await AnswersAsync(http, ready))
        {
            if (_process.HasExited || most.IsCancellationRequested)
            {
                throw new InvalidOperationException($"The process did not start:\n{await File.ReadAllTextAsync(_log)}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }
    }

    private static async Task<bool> AnswersAsync(HttpClient http, Uri ready)
    {
        try
        {
            using var answer = await http.GetAsync(ready);
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
