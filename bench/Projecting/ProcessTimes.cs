using System.Globalization;

namespace ChatCqrs.Projecting;

/// <summary>CPU times from Linux' /proc (man 5 proc).</summary>
internal static class ProcessTimes
{
    private const double TicksPerSecond = 100;

    /// <summary>CPU time of a process and its children, including ended ones, in seconds.</summary>
    public static double Family(int parent) => Directory.GetDirectories("/proc")
        .Select(Path.GetFileName)
        .Where(name => int.TryParse(name, out _))
        .Select(name => Fields(int.Parse(name!, CultureInfo.InvariantCulture)))
        .Where(fields => fields.Pid == parent || fields.Parent == parent)
        .Sum(fields => (fields.Own + (fields.Pid == parent ? fields.Ended : 0)) / TicksPerSecond);

    public static int ParentOf(int process) => Fields(process).Parent;

    private static (int Pid, int Parent, long Own, long Ended) Fields(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (process, Number(1), Number(11) + Number(12), Number(13) + Number(14));

            int Number(int index) => int.Parse(fields[index], CultureInfo.InvariantCulture);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return default; // The process has ended.
        }
    }
}
