using System.Diagnostics;
using System.Text.Json;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Testing;

namespace ChatCqrs.Contracts.Mirrors;

/// <summary>The files for all tests of a class.</summary>
public interface IMirrorFixture : IAsyncLifetime
{
    /// <summary>Why the suite cannot run on this machine; null when it can.</summary>
    string? Missing { get; }
}

/// <summary>The contract of <see cref="IMirrorFiles"/>. Each adapter has a one-line subclass.</summary>
public abstract class MirrorFilesContract<TFixture>(TFixture fixture) : IClassFixture<TFixture>, IAsyncLifetime
    where TFixture : class, IMirrorFixture
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly string _folder = Guid.NewGuid().ToString("N");

    protected TFixture Fixture => fixture;

    private protected abstract IMirrorFiles Files { get; }

    public Task InitializeAsync()
    {
        Skip.If(fixture.Missing is not null, fixture.Missing);
        return Task.CompletedTask;
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [SkippableFact]
    public async Task A_file_comes_back_as_it_was_added_and_may_be_added_again()
    {
        Assert.Null(await Files.FindAsync(Path("tile/0/000"), None));
        for (var time = 0; time < 2; time++)
            await Files.AddAsync(Path("tile/0/000"), "one"u8.ToArray(), None);

        Assert.Equal("one"u8.ToArray(), await Files.FindAsync(Path("tile/0/000"), None));
        Assert.Null(await Files.FindAsync(Path("tile/0"), None));
    }

    [SkippableFact]
    public async Task Other_bytes_are_refused_and_change_nothing()
    {
        await Files.AddAsync(Path("file"), "one"u8.ToArray(), None);

        await Assert.ThrowsAsync<AuditHaltedException>(() => Files.AddAsync(Path("file"), "two"u8.ToArray(), None));
        await Assert.ThrowsAsync<AuditHaltedException>(() => Files.AddAsync(Path("file"), "on"u8.ToArray(), None));

        Assert.Equal("one"u8.ToArray(), await Files.FindAsync(Path("file"), None));
    }

    [SkippableFact]
    public async Task A_file_is_replaced_only_where_it_has_what_the_writer_saw()
    {
        Assert.False(await Files.ReplaceAsync(Path("file"), "none"u8.ToArray(), "one"u8.ToArray(), None));
        Assert.Null(await Files.FindAsync(Path("file"), None));
        Assert.True(await Files.ReplaceAsync(Path("file"), null, "one"u8.ToArray(), None));
        Assert.False(await Files.ReplaceAsync(Path("file"), null, "two"u8.ToArray(), None));
        Assert.True(await Files.ReplaceAsync(Path("file"), "one"u8.ToArray(), "two"u8.ToArray(), None));
        Assert.False(await Files.ReplaceAsync(Path("file"), "one"u8.ToArray(), "three"u8.ToArray(), None));

        Assert.Equal("two"u8.ToArray(), await Files.FindAsync(Path("file"), None));
    }

    [SkippableFact]
    public async Task A_folder_is_removed_with_its_files_and_nothing_beside_it()
    {
        foreach (var file in new[] { "000.p/1", "000.p/255", "000", "000.pq/1" })
            await Files.AddAsync(Path(file), "one"u8.ToArray(), None);

        await Files.RemoveAsync(Path("000.p"), None);
        await Files.RemoveAsync(Path("000.p"), None);

        foreach (var file in new[] { "000.p/1", "000.p/255" })
            Assert.Null(await Files.FindAsync(Path(file), None));
        foreach (var file in new[] { "000", "000.pq/1" })
            Assert.NotNull(await Files.FindAsync(Path(file), None));
    }

    private string Path(string file) => $"{_folder}/{file}";
}

public sealed class FolderMirrorContract(FolderMirrorFixture fixture)
    : MirrorFilesContract<FolderMirrorFixture>(fixture)
{
    private protected override IMirrorFiles Files => new FolderMirror(Fixture.Folder);
}

public sealed class BucketMirrorContract(BucketMirrorFixture fixture)
    : MirrorFilesContract<BucketMirrorFixture>(fixture)
{
    private protected override IMirrorFiles Files => BucketMirror.Open(Fixture.Options!);

    [SkippableFact]
    public async Task A_bucket_that_is_not_there_cannot_be_used()
    {
        var files = BucketMirror.Open(Fixture.Options! with { Bucket = "missing" });

        await Assert.ThrowsAsync<MirrorUnavailableException>(() => files.FindAsync("file", default));
        await Assert.ThrowsAsync<MirrorUnavailableException>(
            () => files.AddAsync("file", "one"u8.ToArray(), default));
    }
}

/// <summary>A temporary folder.</summary>
public sealed class FolderMirrorFixture : IMirrorFixture
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("chatcqrs-mirror").FullName;

    public string? Missing => null;

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        return Task.CompletedTask;
    }
}

/// <summary>An S3 server in a child process: the npm package s3rver, with one bucket in a temporary folder.</summary>
public sealed class BucketMirrorFixture : IMirrorFixture
{
    private const string Script =
        """
        const S3rver = require('s3rver');
        const configureBuckets = [{ name: 'mirror' }];
        new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory: process.argv[1], configureBuckets })
          .run((error, address) => { if (error) throw error; console.log(JSON.stringify(address)); });
        process.stdin.on('end', () => process.exit(0)).resume();
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs-s3").FullName;
    private Process? _server;

    public MirrorBucketOptions? Options { get; private set; }

    public string? Missing => NodePackage.Missing;

    public async Task InitializeAsync()
    {
        if (Missing is not null)
            return;
        _server = NodePackage.Run(await NodePackage.InstallAsync("s3rver", "3.7.1"), Script, _folder);
        var line = await _server.StandardOutput.ReadLineAsync()
            ?? throw new InvalidOperationException(
                "The S3 server did not start: " + await _server.StandardError.ReadToEndAsync());
        Options = new MirrorBucketOptions
        {
            Endpoint = new Uri(
                $"http://127.0.0.1:{JsonSerializer.Deserialize<JsonElement>(line).GetProperty("port").GetInt32()}"),
            Bucket = "mirror",
            AccessKey = "S3RVER",
            SecretKey = "S3RVER",
        };
    }

    public async Task DisposeAsync()
    {
        if (_server is not null)
        {
            _server.StandardInput.Close();
            await _server.WaitForExitAsync(Eventually.Cancelled());
            _server.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }
}
