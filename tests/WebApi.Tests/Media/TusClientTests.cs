using System.Security.Cryptography;
using System.Text.Json;
using ChatCqrs.Testing;

namespace ChatCqrs.WebApi.Tests.Media;

/// <summary>
/// Resumable uploads with npm's tus-js-client, each of its options that changes what it sends
/// (https://github.com/tus/tus-js-client/blob/main/docs/api.md).
/// </summary>
public sealed class TusClientTests(SharedMediaServer server) : IClassFixture<SharedMediaServer>
{
    private const string Script =
        """
        const tus = require('tus-js-client'), crypto = require('crypto'), os = require('os'), fs = require('fs');
        const { Readable } = require('stream');
        const [endpoint, token, way, json, size] = process.argv.slice(1);
        const magic = Buffer.from('89504e470d0a1a0a', 'hex');
        const bytes = size === '0' ? Buffer.alloc(0) : Buffer.concat([magic, crypto.randomBytes(size - magic.length)]);
        const answer = { sha256: crypto.createHash('sha256').update(bytes).digest('hex'), requests: [] };
        const storage = new tus.FileUrlStorage(fs.mkdtempSync(os.tmpdir() + '/chatcqrs-tus-') + '/urls');
        const given = JSON.parse(json);

        const tell = () => { process.stdout.write(JSON.stringify(answer)); process.exit(0); };
        const make = more => new tus.Upload(way === 'stream' ? Readable.from(bytes, { objectMode: false }) : bytes, {
            endpoint, retryDelays: null, headers: { Authorization: 'Bearer ' + token },
            metadata: { file_type: 'image', filename: 'Blümchen.png' },
            fingerprint: () => Promise.resolve('print'),
            onAfterResponse: (req, res) => {
                answer.requests.push(req.getMethod() + ' ' + res.getStatus());
                answer.file = res.getHeader('Chat-File-Id') || answer.file;
                answer.metadata = res.getHeader('Upload-Metadata') || answer.metadata;
            },
            onError: error => {
                answer.code = error.originalResponse ? JSON.parse(error.originalResponse.getBody()).code : `${error}`;
                tell();
            },
            onSuccess: tell, ...given, ...more,
        });

        const ways = {
            whole: () => make().start(),
            stream: () => make().start(),
            paused: () => {
                let paused = false;
                const upload = make({ onChunkComplete: () => {
                    if (paused) return;
                    paused = true;
                    upload.abort();
                    setImmediate(() => upload.start());
                } });
                upload.start();
            },
            resumed: () => {
                const first = make({ urlStorage: storage, onChunkComplete: async () => {
                    await first.abort();
                    const second = make({ urlStorage: storage });
                    second.resumeFromPreviousUpload((await second.findPreviousUploads())[0]);
                    second.start();
                } });
                first.start();
            },
            address: () => {
                const first = make({ onChunkComplete: async () => {
                    await first.abort();
                    make({ uploadUrl: first.url }).start();
                } });
                first.start();
            },
            ended: () => {
                const upload = make({ onChunkComplete: async () => { await upload.abort(true); tell(); } });
                upload.start();
            },
        };
        ways[way]();
        """;

    [SkippableTheory]
    [InlineData("whole", "{}")]
    [InlineData("whole", """{"chunkSize":100000}""")]
    [InlineData("whole", """{"chunkSize":7001}""")]
    [InlineData("whole", """{"uploadDataDuringCreation":true}""")]
    [InlineData("whole", """{"uploadDataDuringCreation":true,"chunkSize":100000}""")]
    [InlineData("whole", """{"parallelUploads":3}""")]
    [InlineData("whole", """{"parallelUploads":3,"uploadDataDuringCreation":true,"chunkSize":30000}""")]
    [InlineData(
        "whole", """{"parallelUploads":2,"parallelUploadBoundaries":[{"start":0,"end":9},{"start":9,"end":300000}]}""")]
    [InlineData("whole", """{"parallelUploads":2,"metadataForPartialUploads":{"part":"yes"}}""")]
    [InlineData("whole", """{"uploadLengthDeferred":true}""")]
    [InlineData("whole", """{"uploadLengthDeferred":true,"chunkSize":100000}""")]
    [InlineData("whole", """{"uploadLengthDeferred":true,"uploadDataDuringCreation":true,"chunkSize":90000}""")]
    [InlineData("whole", """{"overridePatchMethod":true,"chunkSize":100000}""")]
    [InlineData("whole", """{"addRequestId":true}""")]
    [InlineData("stream", """{"uploadLengthDeferred":true,"chunkSize":70000}""")]
    [InlineData("stream", """{"uploadSize":300000,"chunkSize":75000}""")]
    [InlineData("paused", """{"chunkSize":100000}""")]
    [InlineData("paused", """{"chunkSize":100000,"uploadLengthDeferred":true}""")]
    [InlineData("resumed", """{"chunkSize":100000,"removeFingerprintOnSuccess":true}""")]
    [InlineData("address", """{"chunkSize":100000}""")]
    public async Task Files_arrive_whole(string way, string options)
    {
        Skip.If(NodePackage.Missing is not null, NodePackage.Missing);

        var answer = await RunAsync(way, options, 300_000);

        Assert.False(answer.TryGetProperty("code", out var code), $"{code}");
        using var downloaded = await server.DownloadAsync(server.Ann, answer.GetProperty("file").GetString()!);
        Assert.Equal(
            answer.GetProperty("sha256").GetString(),
            Convert.ToHexStringLower(SHA256.HashData(await downloaded.Content.ReadAsByteArrayAsync())));
        Assert.Equal("Blümchen.png", downloaded.Content.Headers.ContentDisposition!.FileNameStar);
        if (answer.TryGetProperty("metadata", out var metadata)) // A HEAD was answered.
            Assert.Equal(
                $"file_type {MediaServer.Base64("image")},filename {MediaServer.Base64("Blümchen.png")}",
                metadata.GetString());
    }

    [SkippableTheory]
    [InlineData("{}")]
    [InlineData("""{"uploadDataDuringCreation":true}""")]
    [InlineData("""{"parallelUploads":3}""")]
    [InlineData("""{"uploadLengthDeferred":true}""")]
    public async Task An_empty_file_is_refused(string options)
    {
        Skip.If(NodePackage.Missing is not null, NodePackage.Missing);

        Assert.Equal("empty_file", (await RunAsync("whole", options, 0)).GetProperty("code").GetString());
    }

    [SkippableFact]
    public async Task An_upload_can_be_ended()
    {
        Skip.If(NodePackage.Missing is not null, NodePackage.Missing);

        var answer = await RunAsync("ended", """{"chunkSize":100000}""", 300_000);

        Assert.False(answer.TryGetProperty("file", out _));
        Assert.Equal("DELETE 204", answer.GetProperty("requests").EnumerateArray().Last().GetString());
    }

    private async Task<JsonElement> RunAsync(string way, string options, int size)
    {
        using var node = NodePackage.Run(
            await NodePackage.InstallAsync("tus-js-client", "4.3.1"), Script,
            new Uri(server.Http.BaseAddress!, "/v1/media/uploads").AbsoluteUri, server.Ann.Access, way, options,
            $"{size}");
        var output = await node.StandardOutput.ReadToEndAsync();
        await node.WaitForExitAsync();
        Assert.True(node.ExitCode == 0 && output.Length > 0, await node.StandardError.ReadToEndAsync());
        return JsonSerializer.Deserialize<JsonElement>(output);
    }
}
