namespace ChatCqrs.Verify.Tests;

/// <summary>What the command line takes, and its exit codes.</summary>
public sealed class CommandTests
{
    private static readonly string Key = new Signer(MadeExport.Origin, 7).Key;

    [Fact]
    public async Task Help_is_no_error()
    {
        var outcome = await Outcome.RunAsync(new HttpClientHandler(), "--help");

        outcome.IsGood();
        Assert.Contains("Exit codes: 0 good, 1 a check failed", outcome.Output, StringComparison.Ordinal);
    }

    public static TheoryData<string[]> Wrong =>
    [
        [],
        ["export"],
        ["export", "--vkey", Key],
        ["check", "file.zip", "--vkey", Key],
        ["export", "file.zip"],
        ["export", "file.zip", "--vkey"],
        ["export", "file.zip", "--vkey", "a+b"],
        ["export", "file.zip", "--vkey", Key[..^4] + "AAAA"],
        ["export", "file.zip", "--vkey", Key, "--since", "file"],
        ["export", "file.zip", "--vkey", Key, "--kept-days", "-1"],
        ["export", "file.zip", "--vkey", Key, "--kept-days", "1", "--kept-days", "2"],
        ["export", "/nowhere/file.zip", "--vkey", Key],
        ["log", "ftp://chat.example.org", "--vkey", Key],
        ["log", "https://chat.example.org", "--vkey", Key, "--since", "/nowhere/checkpoint"],
    ];

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Wrong_usage_has_its_own_exit_code(string[] arguments)
    {
        var outcome = await Outcome.RunAsync(new HttpClientHandler(), arguments);

        Assert.Equal(2, outcome.Code);
        Assert.NotEmpty(outcome.Errors);
    }

    [Fact]
    public async Task The_key_may_stand_in_a_file()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, Key + "\n");

        (await Outcome.OfAsync(new MadeExport().Write().Zip(), file)).IsGood();
        File.Delete(file);
    }
}
