using System.Text.RegularExpressions;

namespace ChatCqrs.Architecture.Tests;

/// <summary>Tables of documents whose rows begin with <c>| `Name` | value |</c>.</summary>
internal static partial class MarkdownTable
{
    public static IEnumerable<(string Name, string Value)> Rows(string document) =>
        File.ReadLines(Solution.At(document)).Select(line => Row().Match(line)).Where(match => match.Success)
        .Select(match => (match.Groups["name"].Value, match.Groups["value"].Value.Trim('`')));

    [GeneratedRegex(@"^\| `(?<name>[A-Za-z0-9:.]+)` \| (?<value>[^|]+?) \|")]
    private static partial Regex Row();
}
