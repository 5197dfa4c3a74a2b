using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>A server whose checkpoints a witness cosigns before anybody sees them, and whose key changes.</summary>
public sealed class WitnessedServerTests : IAsyncLifetime
{
    private const string Origin = "chat.example.org/v1/audit/";

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;
    private GoWitness? _witness;

    private string Old => Path.Combine(_folder, "old.pem");
    private string New => Path.Combine(_folder, "new.pem");

    public async Task InitializeAsync()
    {
        if (GoProgram.Missing is not null)
            return;
        File.WriteAllBytes(Old, NoteSigner.NewKey());
        File.WriteAllBytes(New, NoteSigner.NewKey());
        _witness = await GoWitness.StartAsync(
            [.. new[] { Old, New }.SelectMany(key => new[] { "heads", "keys" }.Select(log => VkeyOf(key, log)))]);
    }

    public async Task DisposeAsync()
    {
        if (_witness is not null)
            await _witness.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [SkippableFact]
    public async Task Checkpoints_are_shown_with_a_witnesss_signature_through_a_change_of_the_key()
    {
        Skip.If(GoProgram.Missing is not null, GoProgram.Missing);
        var policy = _witness!.Policy();
        await using var first = new Server(("Audit:KeyFile", Old), ("Audit:Witnesses", policy));
        await first.InitializeAsync();
        await AssertShownAsync(first, Old, [Old]);

        await using var second = new Server(
            ("Audit:KeyFile", Old), ("Audit:NextKeyFile", New), ("Audit:Witnesses", policy))
        { Beside = first };
        await second.InitializeAsync();
        await first.StopAsync(); // The other node leads, and announces the key.
        await AssertShownAsync(second, Old, [Old, New]);

        await using var third = new Server(("Audit:KeyFile", New), ("Audit:Witnesses", policy))
        {
            Beside = second,
        };
        await third.InitializeAsync();
        await second.StopAsync();
        await AssertShownAsync(third, New, [New]);
    }

    /// <summary>Waits until both logs show a checkpoint with these signatures and that of the witness.</summary>
    private async Task AssertShownAsync(Server server, string vkey, string[] signers)
    {
        var ann = await server.SignInAsync();
        var ben = await server.SignInAsync();
        foreach (var log in new[] { "heads", "keys" })
        {
            string[] expected = [.. signers.Select(key => VkeyOf(key, log)), _witness!.Vkey];
            VerifierKey[] known =
                [.. new[] { VkeyOf(Old, log), VkeyOf(New, log), _witness.Vkey }.Select(VerifierKey.Parse)];
            await Eventually.IsTrue(
                async () =>
                {
                    (await server.PostAsync(
                        "/v1/messages",
                        new { message_id = Guid.NewGuid(), receiver_id = ben.User, type = "text", text = "hello" },
                        ann.Access)).Is(201);
                    var list = (await server.GetAsync($"/v1/audit/checkpoints?log={log}", ann.Access)).Is(200);
                    var notes = list["checkpoints"].EnumerateArray()
                        .Select(checkpoint => SignedNote.Parse(checkpoint.GetProperty("note").GetString()!)).ToList();
                    Assert.All(notes, note => Assert.Contains(
                        note.Verify(known), key => key.Type == SignatureType.Cosignature));
                    // The log of keys has no new entry after the change: there the old key's signature stays.
                    var newest = notes.FirstOrDefault()?.Verify(known).Select(key => key.ToString()) ?? [];
                    return list.Text("vkey") == VkeyOf(vkey, log)
                        && (log == "heads" ? newest.SequenceEqual(expected) : expected.All(newest.Contains));
                },
                $"the log of {log} shows the checkpoint");
        }
    }

    private static string VkeyOf(string keyFile, string log)
    {
        using var signer = NoteSigner.Of(Origin + log, File.ReadAllBytes(keyFile));
        return signer.Verifier.ToString();
    }

    private sealed class Server(params (string Name, string Value)[] settings) : AuditServer, IAsyncDisposable
    {
        protected override IEnumerable<(string Name, string Value)> Settings =>
            [.. base.Settings, ("Audit:Origin", Origin + "heads"), ("Audit:Quorum", "true"), .. settings];

        async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();
    }
}
