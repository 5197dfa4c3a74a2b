namespace ChatCqrs.Application.Ports;

/// <summary>
/// A store of bytes by key. A key is written once and never changed, so adapters need neither locks nor versions. Every
/// adapter passes one contract suite. Members throw <see cref="StoreUnavailableException"/> if the store cannot be
/// reached.
/// </summary>
public interface IBlobs
{
    /// <summary>Stores a stream to its end without holding it in memory. On return the bytes are durable.</summary>
    /// <returns>The number of bytes.</returns>
    /// <remarks>
    /// On any exception, the stream's own included, nothing is readable under the key; <see cref="DeleteAsync"/>
    /// removes leftovers.
    /// </remarks>
    Task<long> PutAsync(BlobKey key, Stream content, CancellationToken cancellationToken);

    /// <summary>Opens bytes for one sequential read; null if the key holds none.</summary>
    /// <param name="offset">The first byte to read, from 0 to the size.</param>
    Task<Stream?> OpenAsync(BlobKey key, long offset, CancellationToken cancellationToken);

    /// <summary>Removes bytes; does nothing if there are none.</summary>
    Task DeleteAsync(BlobKey key, CancellationToken cancellationToken);
}

/// <summary>The key of bytes. Reveals neither their content nor their owner.</summary>
public readonly record struct BlobKey(Guid Value)
{
    /// <summary>A new, unused key.</summary>
    public static BlobKey New() => new(Guid.NewGuid());

    public override string ToString() => Value.ToString("n");
}
