using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Sealing;

namespace ChatCqrs.Architecture.Tests;

/// <summary>
/// Nothing shreds secrets before it is asked whether a hold covers their content: <see cref="Shredding"/> asks, and
/// nothing else calls the members that shred.
/// </summary>
public sealed partial class ShreddingRules
{
    /// <summary>The only types that may name a member that shreds.</summary>
    private static readonly HashSet<string> Allowed =
    [
        nameof(Shredding), nameof(IContentSealer), nameof(ContentSealer), nameof(Secrets),
        "SweepMessages", // Calls Shredding.
        nameof(SaltSecrets), "AuditLogQueries.Blanking", // Secrets of salts open no content.
        "ErasureSteps",
    ];

    private static readonly string[] Projects = ["Domain", "Projections", "Application", "Infrastructure", "WebApi"];

    [Fact]
    public void Only_what_asks_about_escrow_shreds()
    {
        var files = Projects.SelectMany(Solution.SourceFiles).ToDictionary(file => file, File.ReadAllText);

        Assert.Contains(files, file => Shreds(file.Value));
        Assert.DoesNotContain(
            files, file => Shreds(file.Value) && !Allowed.Contains(Path.GetFileNameWithoutExtension(file.Key)));
    }

    [Fact]
    public void Those_that_call_Shredding_know_nothing_else_that_shreds() => Assert.All(
        Projects.SelectMany(Solution.SourceFiles)
            .Where(file => Path.GetFileNameWithoutExtension(file) is "SweepMessages" or "ErasureSteps"),
        file => Assert.DoesNotMatch(Sealer(), File.ReadAllText(file)));

    [Fact]
    public void A_caller_is_found()
    {
        Assert.True(Shreds("await sealer.ShredAsync(user, cancellationToken);"));
        Assert.True(Shreds("() => secrets . ShredEndedAsync(now)"));
        Assert.False(Shreds("/// <see cref=\"ShredAsync\"/>"));
    }

    private static bool Shreds(string source) => Call().IsMatch(source);

    [System.Text.RegularExpressions.GeneratedRegex(@"\bShred\w*Async\s*\(")]
    private static partial System.Text.RegularExpressions.Regex Call();

    [System.Text.RegularExpressions.GeneratedRegex(@"\b(IContentSealer|Secrets)\b")]
    private static partial System.Text.RegularExpressions.Regex Sealer();
}
