using ChatCqrs.Acceptance.Server;
using ChatCqrs.Acceptance.TypeScript;
using ChatCqrs.Testing;

namespace ChatCqrs.Acceptance.AuditPage;

/// <summary>The page for auditors in a real browser: <c>tests/Acceptance/AuditPage/audit.spec.mjs</c>.</summary>
public sealed class AuditPageSpecs(Product product) : IClassFixture<Product>
{
    private static readonly string Folder = Repository.At("tests/Acceptance/AuditPage");

    [BrowserFact]
    public async Task An_auditor_finds_reads_verifies_and_exports_a_conversation()
    {
        if (!File.Exists(Path.Combine(Folder, "node_modules", ".package-lock.json")))
            await Shell.RunAsync("npm", "--prefix", Folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund");

        await using var node = new NodeProgram(
            Folder, ["--test", "audit.spec.mjs"], [("CHATCQRS_URL", product.Api.Address.AbsoluteUri.TrimEnd('/'))]);

        await node.EndedAsync(TimeSpan.FromMinutes(3));
    }
}
