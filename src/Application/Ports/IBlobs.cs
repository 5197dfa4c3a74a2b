namespace ChatCqrs.Application.Ports;

/// <summary>
/// Bytes under keys. A key is written once and never changed, so adapters need neither locks nor versions. Every adapter passes one contract
/// suite. Members throw <see cref="StoreUnavailableException"/> when the store cannot be reached.
/// </summary>
public interface IBlobs
{
    /// <summary>Stores a stream up to its end without holding it in memory. When this returns, the bytes are durable.</summary>
    /// <returns>How many bytes there were.</returns>
    /// <remarks>
    /// When it throws, whatever the stream threw included, nothing can be read under the key; <see cref="DeleteAsync"/> clears what may be left.
    /// </remarks>
    Task<long> PutAsync(BlobKey key, Stream content, CancellationToken cancellationToken);

    /// <summary>Opens bytes for reading once, from the front to the back; null when there are none under the key.</summary>
    /// <param name="offset">The first byte, at most the size.</param>
    Task<Stream?> OpenAsync(BlobKey key, long offset, CancellationToken cancellationToken);

    /// <summary>Removes bytes; does nothing when there are none.</summary>
    Task DeleteAsync(BlobKey key, CancellationToken cancellationToken);
}

/// <summary>Where bytes are. Says nothing of what they are or whose.</summary>
public readonly record struct BlobKey(Guid Value)
{
    /// <summary>A key that nobody has used.</summary>
    public static BlobKey New() => new(Guid.NewGuid());

    public override string ToString() => Value.ToString("n");
}
