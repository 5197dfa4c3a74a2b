using System.Diagnostics;
using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>
/// The programs that docs/audit.md gives to auditors, as they stand there: openssl checks a checkpoint, and the npm
/// package @sigstore/verify a proof. Both refuse every changed byte.
/// </summary>
public sealed class SecondOpinionTests : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;
    private AuditDatabase _database = null!;

    public async Task InitializeAsync() => _database = await AuditDatabase.CreateAsync();

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [SkippableFact]
    public async Task Openssl_verifies_the_signature_of_a_checkpoint()
    {
        var missing = File.Exists("/usr/bin/openssl") ? null : Prerequisites.MayBeMissing("openssl is missing.");
        Skip.If(missing is not null, missing);
        var next = _database.NewKeyFile();
        await _database.Node(change: set => set with { NextKeyFile = next }).AppendAsync(None);
        using var witness = NoteSigner.Of("witness.example/w", NoteSigner.NewKey());
        var note = SignedNote.Parse((await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None))!);
        var cosigned = note with
        {
            Signatures = [.. note.Signatures, Cosignature.Sign(note.Text, witness, 1_780_000_000)],
        };
        var script = CodeOf("### With openssl");

        foreach (var key in new[] { _database.KeyFile, next })
        {
            var vkey = AuditDatabase.VkeyOf(key);
            foreach (var signed in new[] { note, cosigned })
            {
                Write("checkpoint", signed.ToString());
                var (code, output) = await RunAsync("bash", ["-euc", script], vkey);
                Assert.True(code == 0 && output.Contains("Verified Successfully", StringComparison.Ordinal), output);
            }

            var text = note.Text.Replace("chat.", "chit.", StringComparison.Ordinal);
            Write("checkpoint", (note with { Text = text }).ToString());
            Assert.NotEqual(0, (await RunAsync("bash", ["-euc", script], vkey)).Code);
        }
    }

    [SkippableFact]
    public async Task Sigstore_accepts_every_proof_and_refuses_every_changed_byte()
    {
        Skip.If(NodePackage.Missing is not null, NodePackage.Missing);
        var node = _database.Node();
        var conversations = Enumerable.Range(0, 8).Select(_ => new ConversationId(Guid.NewGuid())).ToList();
        foreach (var conversation in conversations)
        {
            await _database.AppendAsync(StreamName.Of(conversation), events: 2);
            await node.AppendAsync(None);
        }

        var package = await NodePackage.InstallAsync("@sigstore/verify", "4.1.3");
        var vkey = AuditDatabase.VkeyOf(_database.KeyFile);
        var script = CodeOf("### With sigstore");
        foreach (var conversation in conversations)
        {
            Write("proof", (await _database.Queries.ProofAsync(conversation, None))!);
            var (code, output) = await RunAsync("node", ["-e", script], vkey, package);
            Assert.True(code == 0 && output == "the batch is in the signed log\n", output);
        }

        var (tried, result) = await RunAsync("node", ["-e", Flipping(script)], vkey, package);
        Assert.True(tried == 0, result);
        Assert.Matches("^[1-9][0-9]{2,} changed proofs were refused\n$", result);
    }

    /// <summary>
    /// Runs the script over proofs with one bit flipped in what is signed, in a hash, or in the batch. Bits of base64
    /// that Node.js passes over change nothing, so they are flipped in the bytes.
    /// </summary>
    private static string Flipping(string script) =>
        $$"""
        const fs = require('node:fs');
        const original = fs.readFileSync('proof', 'utf8');
        const verify = new Function('require', 'process', 'console', {{System.Text.Json.JsonSerializer.Serialize(script)}});
        const flip = (text, at) => Buffer.from(text).map((byte, i) => (i === at ? byte ^ 1 : byte));
        const base64 = (text, at) => {
          const bytes = Buffer.from(text, 'base64');
          bytes[at % bytes.length] ^= 1;
          return bytes.toString('base64');
        };
        const refused = (changed) => {
          fs.writeFileSync('proof', changed);
          try {
            verify(require, process, { log() {} });
          } catch {
            return 1;
          }
          throw new Error('This proof holds, too:\n' + changed);
        };
        const cut = original.indexOf('\n\n') + 2;
        const end = original.indexOf('\n\n', cut) + 1;
        let count = 0;
        for (let at = cut; at < end; at++)
          count += refused(flip(original, at));
        const lines = original.split('\n');
        for (let line = 1; line < lines.length; line++) {
          const [, text] = /^(?:extra |\u2014 \S+ )?([A-Za-z0-9+/]{40,}=*)$/.exec(lines[line]) ?? [];
          if (!text)
            continue;
          const bytes = Buffer.from(text, 'base64');
          const from = lines[line].startsWith('extra ') ? bytes.lastIndexOf('\n\nchatcqrs/batch') + 2 : 0;
          for (let at = from; at < bytes.length; at++)
            count += refused([...lines.slice(0, line), lines[line].replace(text, base64(text, at)), ...lines.slice(line + 1)].join('\n'));
        }
        console.log(`${count} changed proofs were refused`);
        """;

    /// <summary>The first block of code after a heading of docs/audit.md.</summary>
    private static string CodeOf(string heading)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "audit.md"));
        var section = text[text.IndexOf(heading, StringComparison.Ordinal)..];
        var start = section.IndexOf('\n', section.IndexOf("\n```", StringComparison.Ordinal) + 1) + 1;
        return section[start..section.IndexOf("\n```", start, StringComparison.Ordinal)];
    }

    private void Write(string name, string text) =>
        File.WriteAllText(Path.Combine(_folder, name), text, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));

    private async Task<(int Code, string Output)> RunAsync(
        string program, string[] arguments, string vkey, string? package = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["VKEY"] = vkey;
        if (package is not null)
            start.Environment["NODE_PATH"] = Path.Combine(package, "node_modules");
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await errors);
    }
}
