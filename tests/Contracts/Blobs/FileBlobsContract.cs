using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Blobs;

namespace ChatCqrs.Contracts.Blobs;

public sealed class FileBlobsContract(FileBlobsFixture fixture) : BlobsContract<FileBlobsFixture>(fixture);

/// <summary>A temporary folder.</summary>
public sealed class FileBlobsFixture : IBlobsFixture
{
    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs-blobs").FullName;

    public FileBlobsFixture() => Blobs = new FileBlobs(_folder);

    public IBlobs Blobs { get; }

    public string? Missing => null;

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }
}
