using System.Text.RegularExpressions;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>What docs/projections.md says, so that tests can hold it to the code.</summary>
internal static partial class ProjectionsPage
{
    public static readonly string Root = FindRoot();

    public static readonly string Text = File.ReadAllText(Path.Combine(Root, "docs", "projections.md"));

    /// <summary>The rows of the table of read models: the name, and the tables in their order.</summary>
    public static IEnumerable<string> Models() => Row().Matches(Text).Select(
        row => $"{row.Groups[1].Value}: {string.Join(", ", Name().Matches(row.Groups[2].Value).Select(name => name.Groups[1].Value))}");

    /// <summary>A row with a name, a question, tables and how they are written.</summary>
    [GeneratedRegex(@"^\| `([a-z_]+)` \|[^|]*\|([^|]*)\|[^|]*\|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`([a-z_]+)`")]
    private static partial Regex Name();

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "ChatCqrs.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("The tests do not run inside the repository.");
        return folder.FullName;
    }
}
