using System.Diagnostics;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;
using ChatCqrs.Testing;

namespace ChatCqrs.Acceptance.Chatctl;

/// <summary>The command line of auditors, <c>tools/Chatctl</c>, as a process of its own.</summary>
public sealed class ChatctlSpecs(Product product) : IClassFixture<Product>, IDisposable
{
    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("chatctl");

    [Fact]
    public async Task An_auditor_lists_replays_sees_states_verifies_and_exports()
    {
        var (ada, bob) = await product.PairAsync();
        var sent = await ada.SayAsync(bob, "the first");
        var last = await bob.SayAsync(ada, "the second");
        await ada.GetAsync("/v1/conversations", await ada.ConfirmAsync(last.ConversationId, read: last.Seq));
        var conversation = sent.ConversationId.ToString();
        await SignInAsync();

        var list = await RunAsync(0, "audit", "list", "--user", ada.Id.ToString());
        Assert.Contains(conversation, Assert.Single(Lines(list)), StringComparison.Ordinal);

        var replay = Lines(await RunAsync(0, "audit", "replay", conversation));
        Assert.Contains(replay, line => line.Contains("#0", StringComparison.Ordinal));
        Assert.Contains(replay, line => line.Contains("#1", StringComparison.Ordinal)
            && line.Contains("[sealed]", StringComparison.Ordinal));
        Assert.Contains(replay, line => line.Contains("read by", StringComparison.Ordinal));

        var state = await RunAsync(0, "audit", "state", conversation, "--seq", "1");
        Assert.StartsWith("As of entry 1,", state, StringComparison.Ordinal);
        Assert.DoesNotContain("the first", state, StringComparison.Ordinal);

        Assert.Contains(
            "The hash chain is whole", await RunAsync(0, "audit", "verify", conversation), StringComparison.Ordinal);

        var file = Path.Combine(_home.FullName, "export.zip");
        await RunAsync(0, "audit", "export", conversation, "--output", file);
        Assert.Equal("PK"u8.ToArray(), (await File.ReadAllBytesAsync(file))[..2]);

        await RunAsync(0, "sign-out");
        await RunAsync(1, "audit", "list");
    }

    [Fact]
    public async Task Wrong_usage_and_refusals_have_exit_codes_of_their_own()
    {
        await RunAsync(2);
        await RunAsync(2, "audit", "list");
        await SignInAsync();
        await RunAsync(2, "audit", "state");
        await RunAsync(2, "audit", "list", "--colour", "red");
        await RunAsync(1, "audit", "state", Guid.NewGuid().ToString());
    }

    public void Dispose() => _home.Delete(recursive: true);

    private async Task SignInAsync()
    {
        // In Development the server tells the code, which chatctl prints.
        using var process = Start("sign-in", product.Api.Address.AbsoluteUri, Phones.Auditor);
        var code = "";
        while (code.Length == 0 && await process.StandardError.ReadLineAsync() is { } line)
            code = new string([.. line.Where(char.IsAsciiDigit)]);
        await process.StandardInput.WriteLineAsync(code);
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }

    private async Task<string> RunAsync(int exitCode, params string[] arguments)
    {
        using var process = Start(arguments);
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == exitCode, $"{string.Join(' ', arguments)}: {process.ExitCode}\n{await errors}");
        return output;
    }

    private Process Start(params string[] arguments)
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        var program = Repository.At($"tools/Chatctl/bin/{configuration}/net10.0/chatctl.dll");
        return Process.Start(new ProcessStartInfo("dotnet", [program, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["CHATCTL_HOME"] = _home.FullName },
        })!;
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
