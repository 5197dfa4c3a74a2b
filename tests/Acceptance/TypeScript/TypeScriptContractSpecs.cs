using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance.TypeScript;

/// <summary>The TypeScript SDK against the running server: <c>clients/typescript/specs</c>.</summary>
public sealed class TypeScriptContractSpecs(Product product) : IClassFixture<Product>
{
    [NodeFact]
    public async Task The_SDK_and_the_server_keep_the_contract()
    {
        await using var node = await TypeScriptSdk.StartAsync(
            TypeScriptSdk.Folder, ["--test", "specs/contract.spec.js"], ("CHATCQRS_URL", Url));

        await node.EndedAsync(TimeSpan.FromMinutes(3));
    }

    [BrowserFact]
    public async Task The_SDK_and_the_server_keep_the_contract_in_a_browser_with_IndexedDB()
    {
        await using var node = await TypeScriptSdk.StartAsync("specs/browser.js", Url);

        await node.EndedAsync(TimeSpan.FromMinutes(3));
    }

    [NodeFact]
    public async Task The_generated_types_are_those_of_the_servers_document()
    {
        await using var node = await TypeScriptSdk.StartAsync("scripts/wire.js", Url, "--check");

        await node.EndedAsync(TimeSpan.FromMinutes(1));
    }

    private string Url => product.Api.Address.AbsoluteUri.TrimEnd('/');
}
