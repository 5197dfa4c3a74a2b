using System.Globalization;

namespace ChatCqrs.LogAppend;

/// <summary>CPU time of processes on this machine (Linux, proc(5)).</summary>
internal static class ProcessTimes
{
    private const double TicksPerSecond = 100; // USER_HZ, the same on every Linux that .NET runs on.

    /// <summary>The parent of a process; 0 if there is no such process.</summary>
    public static int ParentOf(int pid) =>
        Stat(pid) is { } fields ? int.Parse(fields[1], CultureInfo.InvariantCulture) : 0;

    /// <summary>CPU time of a server and all its processes, including ended ones, in seconds.</summary>
    public static double OfServer(int postmaster)
    {
        if (postmaster == 0)
            return double.NaN;
        var ticks = 0L;
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), out var pid) || Stat(pid) is not { } fields)
                continue;
            if (pid == postmaster)
                ticks += Ticks(fields, 11) + Ticks(fields, 12) + Ticks(fields, 13) + Ticks(fields, 14);
            else if (fields[1] == postmaster.ToString(CultureInfo.InvariantCulture))
                ticks += Ticks(fields, 11) + Ticks(fields, 12);
        }

        return ticks / TicksPerSecond;
    }

    private static long Ticks(string[] fields, int index) => long.Parse(fields[index], CultureInfo.InvariantCulture);

    /// <summary>The fields after the process's name.</summary>
    private static string[]? Stat(int pid)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{pid}/stat");
            return text[(text.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return null; // The process has ended.
        }
    }
}
