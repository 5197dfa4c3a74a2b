using System.Diagnostics;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>
/// A witness written on Go's packages (<c>tests/LogCheck/witness</c>), which knows the logs of <see cref="KeyFile"/>.
/// It remembers sizes by path, so that tests share it.
/// </summary>
public sealed class GoWitness : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;
    private Process? _process;
    private int _paths;

    /// <summary>The private key of the logs.</summary>
    public string KeyFile => Path.Combine(_folder, "audit-key.pem");

    public string Address { get; private set; } = "";

    /// <summary>The witness's own key.</summary>
    public string Vkey { get; private set; } = "";

    public async Task InitializeAsync()
    {
        if (GoProgram.Missing is not null)
            return;
        File.WriteAllBytes(KeyFile, NoteSigner.NewKey());
        _process = GoProgram.Start(
            "witness", AuditDatabase.VkeyOf(KeyFile), AuditDatabase.VkeyOf(KeyFile, EntryLog.Keys));
        var line = await _process.StandardOutput.ReadLineAsync()
            ?? throw new InvalidOperationException(await _process.StandardError.ReadToEndAsync());
        (Address, Vkey) = (line.Split(' ')[0], line.Split(' ')[1]);
    }

    public async Task DisposeAsync()
    {
        if (_process is not null)
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync(Eventually.Cancelled());
            _process.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A policy that needs this witness.</summary>
    /// <param name="how">How it behaves; by default well, without knowing any log yet.</param>
    /// <returns>The policy's file.</returns>
    public string Policy(string? how = null)
    {
        var path = how ?? $"good{Interlocked.Increment(ref _paths)}";
        return Write($"witness w {Vkey} {Address}{path}\nquorum w\n");
    }

    public string Write(string policy)
    {
        var file = Path.Combine(_folder, $"{Guid.NewGuid():N}.policy");
        File.WriteAllText(file, policy);
        return file;
    }
}
