using System.Text.RegularExpressions;

namespace ChatCqrs.Architecture.Tests;

/// <summary>Documents and comments refer only to files, headings and names that exist.</summary>
public sealed partial class DocumentRules
{
    private static readonly string[] Sources = [".cs", ".csproj", ".props", ".proto", ".json", ".ts"];
    private static readonly string[] CitingFiles = [.. Sources, ".md", ".yml", ".sql", ""];
    private static readonly string[] RecordParts = ["Context", "Decision", "Consequences"];

    [Fact]
    public void Every_link_of_a_document_points_to_a_file_and_a_heading() =>
        Assert.Empty(Files(".md").SelectMany(file => BrokenLinks(file, File.ReadAllText(file))));

    [Fact]
    public void Every_document_that_is_cited_exists() =>
        Assert.Empty(Files(CitingFiles).SelectMany(file => MissingDocuments(file, File.ReadAllText(file))));

    [Fact]
    public void Every_path_and_name_in_a_document_exists()
    {
        var words = Files(Sources).SelectMany(file => Word().Matches(File.ReadAllText(file)))
            .Select(match => match.Value).ToHashSet(StringComparer.Ordinal);

        Assert.Empty(Files(".md").Where(file => Name(file) != "CHANGELOG.md")
            .SelectMany(file => Unknown(file, File.ReadAllText(file), words)));
    }

    [Fact]
    public void Every_folder_of_the_product_is_described()
    {
        var text = File.ReadAllText(Solution.At("docs/architecture.md"));
        var folders = Files(".cs").Select(file => Name(file).Split('/'))
            .Where(parts => parts is ["src", _, _, _, ..]).Select(parts => string.Join('/', parts[..3])).ToHashSet();

        Assert.NotEmpty(folders);
        Assert.All(folders, folder => Assert.Contains($"`{folder}`", text));
    }

    [Fact]
    public void Every_metric_is_described()
    {
        var text = File.ReadAllText(Solution.At("docs/metrics.md"));
        var metrics = Files(".cs").Where(file => Name(file).StartsWith("src/", StringComparison.Ordinal))
            .SelectMany(file => Metric().Matches(File.ReadAllText(file)))
            .Select(match => match.Groups["name"].Value).ToHashSet();

        Assert.NotEmpty(metrics);
        Assert.All(metrics, metric => Assert.Contains($"`{metric}`", text));
    }

    [Fact]
    public void Every_document_is_in_the_index()
    {
        var index = File.ReadAllText(Solution.At("docs/README.md"));
        var documents = Directory.GetFiles(Solution.At("docs"), "*.md").Select(Path.GetFileName).ToList();

        Assert.NotEmpty(documents);
        Assert.DoesNotContain(documents, name =>
            name != "README.md" && !index.Contains($"({name})", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_decision_record_has_its_parts_and_is_in_the_index()
    {
        var index = File.ReadAllLines(Solution.At("docs/adr/README.md"));
        var records = Directory.GetFiles(Solution.At("docs/adr"), "0*.md");

        Assert.NotEmpty(records);
        Assert.Empty(records.SelectMany(file =>
            RecordFaults(Path.GetFileName(file), File.ReadAllLines(file), index)));
    }

    [Fact]
    public void Documents_that_break_the_rules_are_found()
    {
        var here = Solution.At("docs/planted.md");

        Assert.Single(BrokenLinks(here, "[one](nowhere.md), [two](../README.md), [three](https://example.org/x.md)"));
        Assert.Single(BrokenLinks(here, "[one](../README.md#no-such-heading), [two](../README.md#run-it)"));
        Assert.Single(MissingDocuments(here, "See nowhere.md, README.md and docs/operations.md."));
        Assert.Single(MissingDocuments(here, "See docs/adr/9999 and docs/adr/0001."));
        Assert.Single(Unknown(here, "In `src/Nowhere` and `src/Domain`.", []));
        Assert.Single(Unknown(here, "By `NoSuchThing` and `EventCodec`.", ["EventCodec"]));
        Assert.Equal(4, RecordFaults("0001-x.md", ["# 1. A title"], ["| [1](0001-x.md) | Another |"]).Count());
    }

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"(?<![\w./-])(?<path>[\w./-]*\w\.md)\b|\badr/(?<record>\d{4})\b(?!-)")]
    private static partial Regex Citation();

    [GeneratedRegex(
        @"`(?<path>(?:src|tests|bench|tools|scripts|docs|clients)/[\w./-]+)" +
        @"|`(?<name>[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+)\b(?![:/])")]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"\.Create\w+(?:<\w+>)?\(\s*""(?<name>chat\.[a-z._]+)""")]
    private static partial Regex Metric();

    [GeneratedRegex("[A-Za-z_][A-Za-z0-9_]*")]
    private static partial Regex Word();

    /// <summary>All but this one, which names what does not exist.</summary>
    private static IEnumerable<string> Files(params string[] extensions) =>
        Solution.Files(extensions).Where(file => Path.GetFileName(file) != "DocumentRules.cs");

    private static IEnumerable<string> BrokenLinks(string file, string text)
    {
        foreach (var target in Link().Matches(text).Select(match => match.Groups["target"].Value))
        {
            if (target.Contains("://", StringComparison.Ordinal))
                continue;
            var parts = target.Split('#');
            var path = parts[0].Length == 0 ? file : Path.GetFullPath(parts[0], Path.GetDirectoryName(file)!);
            if (!Path.Exists(path))
                yield return $"{Name(file)} links to {target}, which does not exist.";
            else if (parts.Length > 1 && !HasHeading(path, parts[1]))
                yield return $"{Name(file)} links to {target}, a heading that does not exist.";
        }
    }

    private static bool HasHeading(string path, string anchor) =>
        File.ReadLines(path).Any(line => line.StartsWith('#') && Anchor(line) == anchor);

    /// <summary>A heading's anchor as GitHub makes it.</summary>
    private static string Anchor(string heading) => string.Concat(heading.TrimStart('#').Trim().ToLowerInvariant()
        .Where(letter => char.IsLetterOrDigit(letter) || letter is ' ' or '-' or '_')).Replace(' ', '-');

    private static IEnumerable<string> MissingDocuments(string file, string text)
    {
        string[] folders = [Path.GetDirectoryName(file)!, Solution.Root, Solution.At("docs")];
        foreach (Match match in Citation().Matches(text))
        {
            var (path, record) = (match.Groups["path"].Value, match.Groups["record"].Value);
            var isAddress = path.StartsWith("//", StringComparison.Ordinal);
            var exists = record.Length > 0
                ? Directory.GetFiles(Solution.At("docs/adr"), $"{record}-*.md").Length == 1
                : isAddress || folders.Any(folder => File.Exists(Path.Combine(folder, path)));
            if (!exists)
                yield return $"{Name(file)} cites {match.Value}, which does not exist.";
        }
    }

    private static IEnumerable<string> Unknown(string file, string text, HashSet<string> words)
    {
        foreach (Match match in CodeSpan().Matches(text))
        {
            var (path, name) = (match.Groups["path"].Value, match.Groups["name"].Value);
            if (path.Length > 0 && !Path.Exists(Solution.At(path)) && !File.Exists(Solution.At(path + ".cs")))
                yield return $"{Name(file)} names {path}, which does not exist.";
            if (name.Length > 0 && !words.Contains(name))
                yield return $"{Name(file)} names {name}, which is in no source.";
        }
    }

    private static IEnumerable<string> RecordFaults(string name, string[] lines, string[] index)
    {
        var title = lines[0][(lines[0].IndexOf(". ", StringComparison.Ordinal) + 2)..];
        if (!index.Any(line => line.Contains($"({name}) | {title} |", StringComparison.Ordinal)))
            yield return $"{name} is not in the index by its title.";
        foreach (var part in RecordParts.Where(part => !lines.Contains($"## {part}")))
            yield return $"{name} has no part \"{part}\".";
    }

    private static string Name(string file) => Path.GetRelativePath(Solution.Root, file);
}
