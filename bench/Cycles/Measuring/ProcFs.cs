using System.Globalization;

namespace ChatCqrs.Bench.Measuring;

/// <summary>Processes on Linux (proc(5)): CPU time, memory, parents, listeners.</summary>
internal static class ProcFs
{
    private const double TicksPerSecond = 100; // sysconf(_SC_CLK_TCK), the same on every Linux that .NET runs on
    private const int ParentField = 1, UserField = 11, SystemField = 12, ChildUserField = 13, ChildSystemField = 14;

    /// <summary>CPU time of one process, user and system.</summary>
    public static TimeSpan CpuOf(int process) => Time(Stat(process), UserField, SystemField);

    /// <summary>
    /// CPU time of a process and of its children, including ended ones; for PostgreSQL, given its first process.
    /// </summary>
    public static TimeSpan CpuOfFamily(int first)
    {
        var sum = Time(Stat(first), UserField, SystemField, ChildUserField, ChildSystemField);
        foreach (var process in Processes())
        {
            if (Stat(process) is { Length: > 0 } stat
                && stat[ParentField] == first.ToString(CultureInfo.InvariantCulture))
            {
                sum += Time(stat, UserField, SystemField);
            }
        }

        return sum;
    }

    /// <summary>CPU time that the whole machine has spent working since it started.</summary>
    public static TimeSpan CpuOfMachine()
    {
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var (waiting, kinds) = (3, 8); // user, nice, system, idle, iowait, ...: idle and iowait are no work.
        var ticks = fields.Skip(1).Take(kinds).Where((_, i) => i != waiting && i != waiting + 1);
        return TimeSpan.FromSeconds(ticks.Sum(f => double.Parse(f, CultureInfo.InvariantCulture)) / TicksPerSecond);
    }

    public static int ParentOf(int process) => int.Parse(Stat(process)[ParentField], CultureInfo.InvariantCulture);

    /// <summary>
    /// A process's private memory in RAM, in bytes. Pages of mapped files do not count, since the kernel may drop and
    /// fetch them at any time.
    /// </summary>
    public static long PrivateMemoryOf(int process) => File.ReadLines($"/proc/{process}/status")
        .Where(line =>
            line.StartsWith("RssAnon:", StringComparison.Ordinal)
            || line.StartsWith("RssShmem:", StringComparison.Ordinal))
        .Sum(line =>
            long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024);

    /// <summary>The process that listens on a TCP port of this machine.</summary>
    public static int ListenerOn(int port)
    {
        var suffix = ":" + port.ToString("X4", CultureInfo.InvariantCulture);
        var sockets = new[] { "/proc/net/tcp", "/proc/net/tcp6" }.Where(File.Exists).SelectMany(File.ReadLines)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(f => f.Length > 9 && f[1].EndsWith(suffix, StringComparison.Ordinal) && f[3] == "0A")
            .Select(f => $"socket:[{f[9]}]").ToHashSet();
        return Processes().FirstOrDefault(process => Holds(process, sockets)) is > 0 and var found
            ? found
            : throw new InvalidOperationException($"No process that we may inspect listens on port {port}.");
    }

    private static bool Holds(int process, HashSet<string> sockets)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries($"/proc/{process}/fd")
                .Any(fd => File.ResolveLinkTarget(fd, false) is { } target && sockets.Contains(target.Name));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // The process has ended, or belongs to another user.
        }
    }

    private static IEnumerable<int> Processes() => Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
        .Where(name => int.TryParse(name, out _)).Select(name => int.Parse(name!, CultureInfo.InvariantCulture));

    /// <summary>The fields after the process's name, which may contain spaces; none if the process has ended.</summary>
    private static string[] Stat(int process)
    {
        try
        {
            var line = File.ReadAllText($"/proc/{process}/stat");
            return line[(line.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return [];
        }
    }

    private static TimeSpan Time(string[] stat, params ReadOnlySpan<int> fields)
    {
        var ticks = 0L;
        foreach (var field in fields)
        {
            ticks += stat.Length > 0 ? long.Parse(stat[field], CultureInfo.InvariantCulture) : 0;
        }

        return TimeSpan.FromSeconds(ticks / TicksPerSecond);
    }
}
