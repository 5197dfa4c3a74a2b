using System.Reflection;
using System.Text.RegularExpressions;

namespace ChatCqrs.Architecture.Tests;

/// <summary>Dependencies point inwards: each assembly references only those on its list.</summary>
public sealed partial class DependencyRules
{
    private static readonly string[] DomainMay = [];
    private static readonly string[] ProjectionsMay = ["ChatCqrs.Domain"];

    private static readonly string[] ApplicationMay =
    [
        "ChatCqrs.Domain", "ChatCqrs.Projections", "MediatR", "FluentValidation",
        "Microsoft.Extensions.DependencyInjection.Abstractions", "Microsoft.Extensions.Hosting.Abstractions",
        "Microsoft.Extensions.Logging.Abstractions", "Microsoft.Extensions.Options",
    ];

    /// <summary>Use cases and vendors.</summary>
    private static readonly string[] InfrastructureMay =
    [
        "ChatCqrs.Domain", "ChatCqrs.Projections", "ChatCqrs.Application", "Microsoft.Extensions.*",
        "Microsoft.AspNetCore.*", "Microsoft.IdentityModel.*", "Marten*", "JasperFx*", "Weasel.*", "Npgsql*", "Grpc.*",
        "Google.Protobuf", "StackExchange.Redis", "DistributedLock.*", "AWSSDK.*", "Hangfire.*", "Wolverine*",
        "Google.Apis.*", "NSec.Cryptography",
        "MediatR", // Scheduled jobs send commands.
    ];

    private static readonly string[] SdkMay =
    [
        "Microsoft.Extensions.DependencyInjection.Abstractions", "Microsoft.Extensions.Logging.Abstractions",
    ];

    /// <summary>
    /// JasperFx.Events, because its source generator, part of Marten, adds a reference to every assembly.
    /// </summary>
    private static readonly string[] WebApiMay =
    [
        "ChatCqrs.Domain", "ChatCqrs.Projections", "ChatCqrs.Application", "ChatCqrs.Infrastructure", "MediatR",
        "FluentValidation", "Microsoft.Extensions.*", "Microsoft.AspNetCore*", "Microsoft.Net.Http.Headers",
        "Swashbuckle.AspNetCore.*", "Microsoft.OpenApi", "OpenTelemetry*", "System.Threading.RateLimiting",
        "JasperFx.Events",
    ];

    [Fact]
    public void The_domain_references_only_the_base_library() => Assert.Empty(Violations(Solution.Domain, DomainMay));

    [Fact]
    public void Projections_reference_only_the_domain() =>
        Assert.Empty(Violations(Solution.Projections, ProjectionsMay));

    [Fact]
    public void Use_cases_reference_only_the_domain_projections_and_abstractions() =>
        Assert.Empty(Violations(Solution.Application, ApplicationMay));

    [Fact]
    public void Adapters_reference_only_use_cases_and_vendors() =>
        Assert.Empty(Violations(Solution.Infrastructure, InfrastructureMay));

    [Fact]
    public void The_web_project_references_only_its_list() => Assert.Empty(Violations(Solution.WebApi, WebApiMay));

    /// <summary>The SDK is no part of the product: it knows the wire contract alone.</summary>
    [Fact]
    public void The_SDK_references_only_abstractions() =>
        Assert.Empty(Violations(typeof(Client.ChatClient).Assembly, SdkMay));

    [Fact]
    public void Only_tools_benches_tests_and_its_own_checks_reference_the_SDK()
    {
        var referencing = Solution.Files(".csproj")
            .Where(file => File.ReadAllText(file).Contains("ChatCqrs.Client.csproj", StringComparison.Ordinal))
            .Select(file => Path.GetRelativePath(Solution.Root, file).Split('/')[0]).ToHashSet();

        Assert.Contains("tools", referencing);
        Assert.Subset(new HashSet<string> { "tools", "bench", "tests", "clients" }, referencing);
    }

    [Fact]
    public void A_dependency_that_is_not_allowed_is_found()
    {
        Assert.Contains("MediatR", Violations(Solution.Application, DomainMay));
        Assert.Contains(SdkMay[0], Violations(typeof(Client.ChatClient).Assembly, DomainMay));
        Assert.Contains("ChatCqrs.Infrastructure", Violations(Solution.WebApi, InfrastructureMay));
        Assert.Contains("Npgsql", Violations(Solution.Infrastructure, ApplicationMay));
    }

    [Fact]
    public void In_the_web_project_only_the_program_names_adapters()
    {
        var sources = Solution.SourceFiles("WebApi").ToList();
        Assert.True(sources.Count > 1);
        Assert.Equal(
            ["Program.cs"], sources.Where(file => NamesAdapters(File.ReadAllText(file))).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("using ChatCqrs.Infrastructure.Postgres;")]
    [InlineData("global::ChatCqrs.Infrastructure.Postgres.PostgresEventStore store;")]
    [InlineData("namespace ChatCqrs.WebApi; class Planted { Infrastructure.Postgres.PostgresEventStore store; }")]
    public void A_type_of_the_web_project_that_names_adapters_is_found(string source) =>
        Assert.True(NamesAdapters(source));

    [Fact]
    public void Clocks_and_random_values_are_banned_in_the_domain_and_projections()
    {
        foreach (var project in new[] { "Domain", "Projections" })
        {
            var file = File.ReadAllText(Path.Combine(Solution.Root, "src", project, $"ChatCqrs.{project}.csproj"));
            Assert.Contains("Microsoft.CodeAnalysis.BannedApiAnalyzers", file, StringComparison.Ordinal);
            Assert.Contains("BannedSymbols.txt", file, StringComparison.Ordinal);
        }

        var banned = File.ReadAllLines(Path.Combine(Solution.Root, "BannedSymbols.txt"));
        Assert.Contains(banned, line => line.StartsWith("P:System.DateTimeOffset.UtcNow", StringComparison.Ordinal));
        Assert.Contains(banned, line => line.StartsWith("M:System.Guid.NewGuid", StringComparison.Ordinal));
        Assert.Contains(banned, line => line.StartsWith("T:System.Random", StringComparison.Ordinal));
    }

    private static bool NamesAdapters(string source) => Adapters().IsMatch(source);

    [GeneratedRegex(@"(?<![\w.])(global::)?(ChatCqrs\.)?Infrastructure\.")]
    private static partial Regex Adapters();

    /// <summary>The references of an assembly that are neither allowed nor of the base library.</summary>
    private static List<string> Violations(Assembly assembly, IReadOnlyCollection<string> allowed)
    {
        var references = assembly.GetReferencedAssemblies();
        Assert.NotEmpty(references);
        return [.. references.Where(reference => !IsBaseLibrary(reference)).Select(reference => reference.Name!)
            .Where(name => !allowed.Any(may => Matches(name, may)))];
    }

    private static bool Matches(string name, string pattern) =>
        pattern.EndsWith('*') ? name.StartsWith(pattern[..^1], StringComparison.Ordinal) : name == pattern;

    private static bool IsBaseLibrary(AssemblyName reference) =>
        FolderOf(Assembly.Load(reference)) == FolderOf(typeof(object).Assembly);

    private static string? FolderOf(Assembly assembly) => Path.GetDirectoryName(assembly.Location);
}
