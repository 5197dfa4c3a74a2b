namespace ChatCqrs.Verify.Tests;

/// <summary>What the program printed, and its exit code.</summary>
internal sealed record Outcome(int Code, string Output, string Errors)
{
    public static async Task<Outcome> OfAsync(byte[] zip, string key, params string[] options)
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("verify").FullName, "export.zip");
        await File.WriteAllBytesAsync(path, zip);
        try
        {
            return await RunAsync(new HttpClientHandler(), ["export", path, "--vkey", key, .. options]);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }
    }

    public static async Task<Outcome> RunAsync(HttpMessageHandler network, params string[] arguments)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var code = await Commands.RunAsync(arguments, output, errors, network);
        return new Outcome(code, output.ToString(), errors.ToString());
    }

    public void IsGood() => Assert.True(Code == 0, Output + Errors);

    /// <summary>A check failed, and the output says which and why.</summary>
    public void Failed(string check, string what)
    {
        Assert.True(Code == 1, Output + Errors);
        Assert.Contains(
            Output.Split('\n'),
            line => line.StartsWith($"  FAILED  {check,-10} ", StringComparison.Ordinal)
                && line.Contains(what, StringComparison.Ordinal));
    }
}
