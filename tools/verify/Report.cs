using System.Text;

namespace ChatCqrs.Verify;

/// <summary>What was checked, in words for people: a line a check, and a line for the whole at the end.</summary>
internal sealed class Report(TextWriter output)
{
    /// <summary>Failures of one kind that are printed; further ones are counted.</summary>
    private const int PrintedMax = 10;

    private readonly Dictionary<string, int> _failures = [];

    public int Checks { get; private set; }

    public int Failures { get; private set; }

    public void Heading(string text) => output.WriteLine(Printable(text));

    public void Passed(string check, string what)
    {
        Checks++;
        Write("ok", check, what);
    }

    /// <param name="where">The file and line, or the address.</param>
    public void Failed(string check, string where, string what)
    {
        Checks++;
        Failures++;
        var count = _failures[check] = _failures.GetValueOrDefault(check) + 1;
        if (count <= PrintedMax)
            Write("FAILED", check, $"{where}: {what}");
        else if (count == PrintedMax + 1)
            Write("FAILED", check, "and more of this kind");
    }

    public void Note(string what) => Write("note", "", what);

    /// <summary>The last line, and the exit code.</summary>
    public int End()
    {
        output.WriteLine(Failures == 0
            ? $"GOOD. {Checks} checks, none failed."
            : $"NOT GOOD. {Failures} of {Checks} checks failed.");
        return Failures == 0 ? ExitCode.Good : ExitCode.Failed;
    }

    private void Write(string result, string check, string what) =>
        output.WriteLine($"  {result,-7} {check,-10} {Printable(what)}");

    /// <summary>Files may hold what would move a terminal's cursor.</summary>
    private static string Printable(string text)
    {
        var printable = new StringBuilder(text.Length);
        foreach (var c in text)
            printable.Append(char.IsControl(c) ? '?' : c);
        return printable.ToString();
    }
}

/// <summary>The program's exit codes.</summary>
internal static class ExitCode
{
    /// <summary>Everything was checked, and is as it should be.</summary>
    public const int Good = 0;

    /// <summary>A check failed.</summary>
    public const int Failed = 1;

    /// <summary>The command line is wrong, or a file cannot be read.</summary>
    public const int Usage = 2;

    /// <summary>The server cannot be reached, or does not let the caller in.</summary>
    public const int Unreachable = 3;
}
