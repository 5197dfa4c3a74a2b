using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace ChatCqrs.Acceptance.Server;

/// <summary>Processes and ports.</summary>
public static class Shell
{
    private const int Terminate = 15;

    private static int _lastPort = RandomNumberGenerator.GetInt32(20_000, 30_000);

    /// <summary>
    /// A loopback port that was free a moment ago, and is given to nobody else: each once, and below those that Linux takes for
    /// outgoing connections, so that it is still free when a server that was killed comes back to it.
    /// </summary>
    public static int FreePort()
    {
        while (true)
        {
            var port = Interlocked.Increment(ref _lastPort);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken: the next one.
            }
        }
    }

    /// <summary>Runs a command to its end and fails when it does.</summary>
    public static async Task RunAsync(string file, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{file} {string.Join(' ', arguments)}: {process.ExitCode}\n{await output}\n{await errors}");
    }

    /// <summary>A command line, whose output is not waited for: it may leave a server running.</summary>
    public static async Task RunLineAsync(string line)
    {
        using var process = Process.Start("/bin/sh", ["-c", $"{line} >/dev/null 2>&1"]);
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{line}: {process.ExitCode}");
    }

    /// <summary>Asks a process to end (SIGTERM).</summary>
    public static void Stop(Process process)
    {
        if (Signal(process.Id, Terminate) != 0) throw new InvalidOperationException($"No SIGTERM for {process.Id}.");
    }

    /// <summary>The process itself and everything that it started, as far as it still runs (Linux: /proc).</summary>
    public static IReadOnlyList<int> Family(int parent)
    {
        var children = Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), out var id) ? id : 0)
            .Where(id => id > 0 && ParentOf(id) == parent);
        return [parent, .. children];
    }

    /// <summary>SIGKILL for all of them at once, as when the machine fails; returns when they are gone.</summary>
    public static async Task KillAsync(IReadOnlyList<int> ids)
    {
        const int kill = 9;
        foreach (var id in ids) _ = Signal(id, kill); // One that has gone meanwhile is what we want.
        await Eventually.BeAsync(() => ids.All(IsGone), "the killed processes are gone");
    }

    private static bool IsGone(int id) => Status(id) is not { } status || status.State is 'Z' or 'X';

    private static int ParentOf(int id) => Status(id)?.Parent ?? 0;

    private static (char State, int Parent)? Status(int id)
    {
        try
        {
            // "pid (name) state ppid ...": the name may hold anything, so read from its end.
            var text = File.ReadAllText($"/proc/{id}/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return (fields[0][0], int.Parse(fields[1], System.Globalization.CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return null; // It ended while we looked.
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Signal(int process, int signal);
}
