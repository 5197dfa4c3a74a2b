using System.Diagnostics;

namespace ChatCqrs.Testing;

/// <summary>
/// A witness written on Go's packages (<c>tests/LogCheck/witness</c>). It remembers sizes by path, so that tests share
/// it.
/// </summary>
public sealed class GoWitness : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;
    private readonly Process _process;
    private int _paths;

    private GoWitness(Process process, string address, string vkey) =>
        (_process, Address, Vkey) = (process, address, vkey);

    public string Address { get; }

    /// <summary>The witness's own key.</summary>
    public string Vkey { get; }

    /// <param name="vkeys">The keys of the logs that it knows.</param>
    public static async Task<GoWitness> StartAsync(params string[] vkeys)
    {
        var process = GoProgram.Start("witness", vkeys);
        var line = await process.StandardOutput.ReadLineAsync()
            ?? throw new InvalidOperationException(await process.StandardError.ReadToEndAsync());
        return new GoWitness(process, line.Split(' ')[0], line.Split(' ')[1]);
    }

    /// <summary>A policy that needs this witness.</summary>
    /// <param name="how">How it behaves; by default well, without knowing any log's size yet.</param>
    /// <returns>The policy's file.</returns>
    public string Policy(string? how = null)
    {
        var path = how ?? $"good{Interlocked.Increment(ref _paths)}";
        return Write($"witness w {Vkey} {Address}{path}\nquorum w\n");
    }

    /// <returns>The policy's file.</returns>
    public string Write(string policy)
    {
        var file = Path.Combine(_folder, $"{Guid.NewGuid():N}.policy");
        File.WriteAllText(file, policy);
        return file;
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync(Eventually.Cancelled());
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
