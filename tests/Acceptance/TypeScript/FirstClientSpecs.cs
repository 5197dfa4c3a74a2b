using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;
using ChatCqrs.Testing;

namespace ChatCqrs.Acceptance.TypeScript;

/// <summary>The first client of the documentation runs as it is written there.</summary>
public sealed class FirstClientSpecs(Product product) : IClassFixture<Product>
{
    private const int LinesMax = 40;

    [NodeFact]
    public async Task The_TypeScript_chat_of_the_documentation_works_in_under_40_lines()
    {
        var program = CodeOf(await File.ReadAllTextAsync(Repository.At("docs/start/first-client-typescript.md")));
        Assert.InRange(program.Split('\n').Length, 10, LinesMax);
        var folder = Directory.CreateTempSubdirectory("chatcqrs-first-client-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "chat.mjs"), program);
            Directory.CreateDirectory(Path.Combine(folder, "node_modules", "@chatcqrs"));
            Link(folder, "@chatcqrs/client", TypeScriptSdk.Folder);
            Link(folder, "ws", Path.Combine(TypeScriptSdk.Folder, "node_modules", "ws"));
            await ChatAsync(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task ChatAsync(string folder)
    {
        var (adas, bobs) = (Phones.Next(), Phones.Next());
        var url = product.Api.Address.AbsoluteUri;
        await using var ada = await TypeScriptSdk.StartAsync(folder, ["chat.mjs", url, adas, "Ada", bobs]);
        await ada.LineAsync(line => line.Contains("is not here yet", StringComparison.Ordinal), "Ada waits for Bob");
        await using var bob = await TypeScriptSdk.StartAsync(folder, ["chat.mjs", url, bobs, "Bob", adas]);
        await bob.LineAsync(line => line == "Write to Ada.", "Bob is there");
        await ada.WriteAsync("");
        await ada.LineAsync(line => line == "Write to Bob.", "Ada is there");

        await ada.WriteAsync("Hello Bob");
        await bob.LineAsync(line => line == "< Hello Bob", "Bob reads it");
        var sent = await ada.LineAsync(line => line.StartsWith("✓ ", StringComparison.Ordinal), "it is durable");
        await ada.LineAsync(line => line == $"✓{sent}", "Ada sees that it was read");
        await bob.WriteAsync("Hello Ada");
        await ada.LineAsync(line => line == "< Hello Ada", "Ada reads the answer");

        foreach (var one in (NodeProgram[])[ada, bob])
        {
            one.EndInput();
            await one.EndedAsync(Eventually.Deadline);
        }
    }

    private static string CodeOf(string document)
    {
        const string start = "```js\n";
        var from = document.IndexOf(start, StringComparison.Ordinal) + start.Length;
        return document[from..document.IndexOf("\n```", from, StringComparison.Ordinal)];
    }

    private static void Link(string folder, string name, string target) =>
        Directory.CreateSymbolicLink(Path.Combine(folder, "node_modules", name), target);
}
