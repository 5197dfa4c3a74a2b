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
    private const int Resume = 18;
    private const int Halt = 19;

    private static int _lastPort = RandomNumberGenerator.GetInt32(20_000, 30_000);

    /// <summary>
    /// A free loopback port. Each port is handed out once, and lies below Linux's range for outgoing connections, so
    /// that it is still free when a killed server starts again.
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
                // Taken. Try the next one.
            }
        }
    }

    /// <summary>Runs a command to its end; throws if its exit code is not 0.</summary>
    public static async Task RunAsync(string file, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(file, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException(
                $"{file} {string.Join(' ', arguments)}: {process.ExitCode}\n{await output}\n{await errors}");
    }

    /// <summary>Runs a command line without reading its output: the command may leave a server running.</summary>
    public static async Task RunLineAsync(string line)
    {
        using var process = Process.Start("/bin/sh", ["-c", $"{line} >/dev/null 2>&1"]);
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{line}: {process.ExitCode}");
    }

    /// <summary>Sends SIGTERM.</summary>
    public static void Stop(Process process)
    {
        if (Signal(process.Id, Terminate) != 0) throw new InvalidOperationException($"No SIGTERM for {process.Id}.");
    }

    /// <summary>Sends SIGSTOP: the process hangs until <see cref="Continue"/>.</summary>
    public static void Suspend(Process process)
    {
        if (Signal(process.Id, Halt) != 0) throw new InvalidOperationException($"No SIGSTOP for {process.Id}.");
    }

    /// <summary>Sends SIGCONT.</summary>
    public static void Continue(Process process)
    {
        if (Signal(process.Id, Resume) != 0) throw new InvalidOperationException($"No SIGCONT for {process.Id}.");
    }

    /// <summary>A process and its running children (from Linux's /proc).</summary>
    public static IReadOnlyList<int> Family(int parent)
    {
        var children = Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), out var id) ? id : 0)
            .Where(id => id > 0 && ParentOf(id) == parent);
        return [parent, .. children];
    }

    /// <summary>SIGKILL for all of them; returns when they are gone.</summary>
    public static async Task KillAsync(IReadOnlyList<int> ids)
    {
        const int kill = 9;
        foreach (var id in ids) _ = Signal(id, kill); // A process that is gone already is fine.
        await Eventually.BeAsync(() => ids.All(IsGone), "the killed processes are gone");
    }

    private static bool IsGone(int id) => Status(id) is not { } status || status.State is 'Z' or 'X';

    private static int ParentOf(int id) => Status(id)?.Parent ?? 0;

    private static (char State, int Parent)? Status(int id)
    {
        try
        {
            // "pid (name) state ppid ...": the name may contain parentheses, so read from the last one.
            var text = File.ReadAllText($"/proc/{id}/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return (fields[0][0], int.Parse(fields[1], System.Globalization.CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return null; // The process ended meanwhile.
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Signal(int process, int signal);
}
