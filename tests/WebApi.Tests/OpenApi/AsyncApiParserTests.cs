using System.Text.Json;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.OpenApi;

namespace ChatCqrs.WebApi.Tests.OpenApi;

/// <summary>What AsyncAPI's own parser says of the document.</summary>
public sealed class AsyncApiParserTests
{
    /// <summary>That there is a later version of AsyncAPI.</summary>
    private const string NotOurs = "asyncapi-latest-version";

    private const string Script =
        """
        import('@asyncapi/parser').then(async ({ Parser }) => {
          let text = '';
          for await (const part of process.stdin) text += part;
          const { diagnostics, document } = await new Parser().parse(text);
          console.log(JSON.stringify({
            faults: diagnostics.map(({ code, message, path }) => ({ code, message, path: path.join('.') })),
            messages: document?.allMessages().all().length ?? 0,
          }));
        });
        """;

    [SkippableFact]
    public async Task The_document_is_valid()
    {
        Skip.If(NodePackage.Missing is not null, NodePackage.Missing);
        var folder = await NodePackage.InstallAllAsync(Repository.At("tests/Generation"));
        using var parser = NodePackage.Run(folder, Script);
        await using (var input = parser.StandardInput.BaseStream)
        {
            await OpenApiConventions.AsyncApiDocument().CopyToAsync(
                input, Eventually.Cancelled(NodePackage.RunMax));
        }

        var errors = parser.StandardError.ReadToEndAsync(Eventually.Cancelled(NodePackage.RunMax));
        var output = await parser.StandardOutput.ReadToEndAsync(Eventually.Cancelled(NodePackage.RunMax));
        await parser.WaitForExitAsync(Eventually.Cancelled(NodePackage.RunMax));

        Assert.True(parser.ExitCode == 0, await errors);
        var report = JsonSerializer.Deserialize<JsonElement>(output);
        Assert.All(
            report.GetProperty("faults").EnumerateArray(),
            fault => Assert.Equal(NotOurs, fault.GetProperty("code").GetString()));
        Assert.True(report.GetProperty("messages").GetInt32() > 15);
    }
}
