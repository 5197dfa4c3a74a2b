using System.Diagnostics;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Blobs;
using ChatCqrs.Testing;

namespace ChatCqrs.Contracts.Blobs;

public sealed class S3BlobsContract(S3BlobsFixture fixture) : BlobsContract<S3BlobsFixture>(fixture);

/// <summary>An S3 server in a child process: the npm package s3rver, with one bucket in a temporary folder.</summary>
public sealed class S3BlobsFixture : IBlobsFixture
{
    private const string Script =
        """
        const S3rver = require('s3rver');
        const configureBuckets = [{ name: 'media' }];
        new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory: process.argv[1], configureBuckets })
          .run((error, address) => { if (error) throw error; console.log(JSON.stringify(address)); });
        process.stdin.on('end', () => process.exit(0)).resume();
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs-s3").FullName;
    private Process? _server;
    private S3Blobs? _blobs;

    public IBlobs Blobs => _blobs!;

    public string? Missing => NodePackage.Missing;

    public async Task InitializeAsync()
    {
        if (Missing is not null)
            return;
        _server = NodePackage.Run(await NodePackage.InstallAsync("s3rver", "3.7.1"), Script, _folder);
        var line = await _server.StandardOutput.ReadLineAsync()
            ?? throw new InvalidOperationException(
                "The S3 server did not start: " + await _server.StandardError.ReadToEndAsync());
        var port = JsonSerializer.Deserialize<JsonElement>(line).GetProperty("port").GetInt32();
        _blobs = S3Blobs.Open(new S3Options
        {
            Endpoint = new Uri($"http://127.0.0.1:{port}"),
            Bucket = "media",
            AccessKey = "S3RVER",
            SecretKey = "S3RVER",
        });
    }

    public async Task DisposeAsync()
    {
        _blobs?.Dispose();
        if (_server is not null)
        {
            _server.StandardInput.Close();
            await _server.WaitForExitAsync(Eventually.Cancelled());
            _server.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }
}
