using System.Text.RegularExpressions;

namespace ChatCqrs.Infrastructure.Tests.Serialization;

/// <summary>Parses docs/events.md, so that tests can compare it with the code.</summary>
internal static partial class EventsPage
{
    private static readonly string Text = File.ReadAllText(Path.Combine(Root(), "docs", "events.md"));

    /// <summary>The wire names in the headings.</summary>
    public static IEnumerable<string> WireNames() => Heading().Matches(Text).Select(match => match.Groups[1].Value);

    /// <summary>The fields in the first column of the table of an event.</summary>
    public static IEnumerable<string> FieldsOf(string wireName)
    {
        var section = Text[Text.IndexOf($"### `{wireName}`", StringComparison.Ordinal)..].Split("\n#")[0];
        return section.Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .SelectMany(line => CodeSpan().Matches(line.Split('|')[1])).Select(match => match.Groups[1].Value);
    }

    /// <summary>The block after "Worked example": in each line a name, blanks and a value.</summary>
    public static Dictionary<string, string> WorkedExample()
    {
        var block = Text[Text.IndexOf("Worked example", StringComparison.Ordinal)..].Split("```")[1];
        return block.Split('\n')
            .Select(line => line.Split(
                ' ', 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            .Where(parts => parts.Length == 2).ToDictionary(parts => parts[0], parts => parts[1]);
    }

    [GeneratedRegex(@"^### `([a-z.0-9-]+)`", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex("`([a-z_0-9]+)`")]
    private static partial Regex CodeSpan();

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "ChatCqrs.sln")))
        {
            folder = folder.Parent
                ?? throw new InvalidOperationException("The tests do not run inside the repository.");
        }

        return folder.FullName;
    }
}
