using System.Net.WebSockets;
using System.Reflection;
using System.Text.RegularExpressions;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;

namespace ChatCqrs.Architecture.Tests;

/// <summary>
/// docs/reference/errors.md has one entry for every code of a refusal and of a close frame, and no other.
/// </summary>
public sealed partial class ErrorReferenceRules
{
    private const string Page = "docs/reference/errors.md";
    private const string CloseCodes = "Close codes";

    private static readonly string[] Parts = ["Means", "Cause", "Client"];

    [Fact]
    public void Every_code_has_an_entry_and_every_entry_a_code() =>
        Assert.Empty(Faults(CodesInCode(), EntriesOf(Solution.At(Page)).Where(entry => entry.Section != CloseCodes)));

    [Fact]
    public void Every_close_code_has_an_entry_and_every_entry_a_close_code()
    {
        var closing = Solution.SourceFiles("WebApi")
            .SelectMany(file => CloseCode().Matches(File.ReadAllText(file)))
            .Select(match => match.Groups["number"].Success
                ? match.Groups["number"].Value
                : $"{(int)Enum.Parse<WebSocketCloseStatus>(match.Groups["name"].Value)}")
            .Distinct().ToDictionary(code => code, _ => "");

        Assert.True(closing.Count > 5);
        Assert.Empty(Faults(closing, EntriesOf(Solution.At(Page)).Where(entry => entry.Section == CloseCodes)));
    }

    [Fact]
    public void What_is_missing_or_wrong_is_named()
    {
        Dictionary<string, string> codes = new() { ["blocked"] = "403", ["group_full"] = "409" };
        Entry blocked = new(
            "", "blocked", new() { ["Status"] = "403", ["Means"] = "a", ["Cause"] = "b", ["Client"] = "c" });

        Assert.Contains("no entry for group_full", Assert.Single(Faults(codes, [blocked])), StringComparison.Ordinal);
        codes.Remove("group_full");
        Assert.Empty(Faults(codes, [blocked]));
        Assert.Single(Faults(codes, [blocked, blocked with { Code = "other" }]));
        blocked.Parts["Cause"] = " ";
        blocked.Parts["Status"] = "404";
        Assert.Equal(2, Faults(codes, [blocked]).Count());
    }

    /// <summary>The codes of all static <see cref="Refusal"/>s, and of bare statuses, with their statuses.</summary>
    private static Dictionary<string, string> CodesInCode()
    {
        Assembly[] product = [Solution.Domain, Solution.Application, Solution.Infrastructure, Solution.WebApi];
        const BindingFlags Static = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;
        var refusals = product.SelectMany(assembly => assembly.GetTypes()).SelectMany(type => type.GetFields(Static))
            .Where(field => field.FieldType == typeof(Refusal) && !field.DeclaringType!.ContainsGenericParameters)
            .Select(field => Problems.Of((Refusal)field.GetValue(null)!))
            .Concat(Problems.OfStatuses.Keys.Select(status => Problems.OfStatus(status)));
        return refusals.GroupBy(problem => problem.Code).ToDictionary(
            problems => problems.Key,
            problems => string.Join(", ", problems.Select(problem => problem.Status).Distinct().Order()));
    }

    private static IEnumerable<string> Faults(IReadOnlyDictionary<string, string> codes, IEnumerable<Entry> entries)
    {
        var there = entries.ToList();
        foreach (var code in codes.Keys.Except(there.Select(entry => entry.Code)))
            yield return $"{Page} has no entry for {code}: add \"### {code}\" with Status, Means, Cause and Client.";
        foreach (var entry in there)
        {
            if (!codes.TryGetValue(entry.Code, out var status))
                yield return $"{Page} has an entry for {entry.Code}, which no refusal has.";
            else if (status.Length > 0 && entry.Parts.GetValueOrDefault("Status") != status)
                yield return $"{Page}: the status of {entry.Code} is {status}.";
            foreach (var part in Parts.Where(part => string.IsNullOrWhiteSpace(entry.Parts.GetValueOrDefault(part))))
                yield return $"{Page}: the entry of {entry.Code} has no \"- {part}:\".";
        }

        foreach (var twice in there.GroupBy(entry => entry.Code).Where(group => group.Count() > 1))
            yield return $"{Page} has several entries for {twice.Key}.";
    }

    private static List<Entry> EntriesOf(string file)
    {
        var entries = new List<Entry>();
        var section = "";
        foreach (var line in File.ReadLines(file))
        {
            if (line.StartsWith("## ", StringComparison.Ordinal))
                section = line[3..];
            else if (line.StartsWith("### ", StringComparison.Ordinal))
                entries.Add(new Entry(section, line[4..], []));
            else if (Part().Match(line) is { Success: true } part && entries.Count > 0)
                entries[^1].Parts[part.Groups["name"].Value] = part.Groups["text"].Value;
        }

        return entries;
    }

    private sealed record Entry(string Section, string Code, Dictionary<string, string> Parts);

    [GeneratedRegex(@"^- (?<name>\w+): (?<text>.*)$")]
    private static partial Regex Part();

    [GeneratedRegex(@"WebSocketCloseStatus\.(?<name>\w+)|\(WebSocketCloseStatus\)(?<number>\d{4})")]
    private static partial Regex CloseCode();
}
