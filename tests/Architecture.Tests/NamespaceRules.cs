using System.Text.RegularExpressions;

namespace ChatCqrs.Architecture.Tests;

/// <summary>
/// The namespaces of an assembly depend on one another in one direction: none reaches itself through others.
/// </summary>
public sealed partial class NamespaceRules
{
    /// <summary>
    /// Registers every capability of its assembly, so it names types of every namespace. No other type names it.
    /// </summary>
    private static readonly Type CompositionRoot = typeof(Application.ApplicationServices);

    [Theory]
    [InlineData("Domain")]
    [InlineData("Projections")]
    [InlineData("Application")]
    [InlineData("Infrastructure")]
    [InlineData("WebApi")]
    public void Namespaces_depend_on_one_another_in_one_direction(string project)
    {
        var dependencies = new NamespaceGraph();
        dependencies.AddTypes(Solution.AssemblyOf(project).GetTypes()
            .Where(type => type != CompositionRoot && type.DeclaringType != CompositionRoot && !IsGenerated(type)));
        var files = Solution.SourceFiles(project)
            .Where(file => Path.GetFileNameWithoutExtension(file) != CompositionRoot.Name);
        foreach (var file in files)
            AddDirectives(dependencies, File.ReadAllText(file));

        Assert.NotEmpty(dependencies.Edges);
        Assert.True(dependencies.Cycles().Count == 0, string.Join('\n', dependencies.Cycles()));
    }

    [Fact]
    public void A_cycle_that_only_method_bodies_close_is_found()
    {
        var dependencies = new NamespaceGraph();
        dependencies.AddTypes([
            typeof(Planted.First.Signature), typeof(Planted.Second.Body), typeof(Planted.Third.Generic),
            typeof(Planted.Fourth.Leaf)]);

        var cycle = Assert.Single(dependencies.Cycles());
        Assert.Contains("Planted.First", cycle, StringComparison.Ordinal);
        Assert.Contains("Planted.Second", cycle, StringComparison.Ordinal);
        Assert.Contains("Planted.Third", cycle, StringComparison.Ordinal);
        Assert.DoesNotContain("Planted.Fourth", cycle, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cycle_of_directives_is_found()
    {
        var dependencies = new NamespaceGraph();
        AddDirectives(dependencies, "using ChatCqrs.Planted.Two;\n\nnamespace ChatCqrs.Planted.One;\n");
        Assert.Empty(dependencies.Cycles());
        AddDirectives(
            dependencies, "using static ChatCqrs.Planted.One.Constants;\n\nnamespace ChatCqrs.Planted.Two;\n");

        Assert.Single(dependencies.Cycles());
    }

    /// <summary>
    /// The directives of a file count as well, since constants leave no trace in the compiled assembly. Unnecessary
    /// directives do not compile (IDE0005).
    /// </summary>
    private static void AddDirectives(NamespaceGraph dependencies, string source)
    {
        if (NamespaceOf().Match(source) is not { Success: true, Groups: [_, var from] })
            return;
        foreach (Match used in Directive().Matches(source))
        {
            var to = used.Groups["type"].Success ? used.Groups["type"].Value : used.Groups["namespace"].Value;
            if (InSameAssembly(from.Value, to))
                dependencies.Add(from.Value, to, "a using directive");
        }
    }

    /// <summary>Whether the compiler wrote the type: delegates of endpoints, in a namespace of the framework.</summary>
    private static bool IsGenerated(Type type) =>
        type.Namespace?.StartsWith("Microsoft.", StringComparison.Ordinal) == true;

    /// <summary>Assemblies are named after the first two parts of their namespaces.</summary>
    private static bool InSameAssembly(string one, string other) =>
        one.Split('.')[..2].SequenceEqual(other.Split('.').Take(2));

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespaceOf();

    [GeneratedRegex(@"^using (static (?<type>[\w.]+)\.\w+|(?<namespace>[\w.]+));", RegexOptions.Multiline)]
    private static partial Regex Directive();
}
