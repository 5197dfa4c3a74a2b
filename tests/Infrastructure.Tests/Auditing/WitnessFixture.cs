using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>A witness that knows the logs of one key.</summary>
public sealed class WitnessFixture : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;
    private GoWitness? _witness;

    /// <summary>The private key of the logs.</summary>
    public string KeyFile => Path.Combine(_folder, "audit-key.pem");

    public GoWitness Witness => _witness!;

    public async Task InitializeAsync()
    {
        if (GoProgram.Missing is not null)
            return;
        File.WriteAllBytes(KeyFile, NoteSigner.NewKey());
        _witness = await GoWitness.StartAsync(
            AuditDatabase.VkeyOf(KeyFile), AuditDatabase.VkeyOf(KeyFile, EntryLog.Keys));
    }

    public async Task DisposeAsync()
    {
        if (_witness is not null)
            await _witness.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
