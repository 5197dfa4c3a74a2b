namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// The files of a mirror by their paths, such as <c>heads/tile/0/000</c>. What has returned is durable. Members throw
/// <see cref="MirrorUnavailableException"/> where the files cannot be read or written.
/// </summary>
internal interface IMirrorFiles
{
    /// <summary>A file's bytes; null if there is none.</summary>
    Task<byte[]?> FindAsync(string path, CancellationToken cancellationToken);

    /// <summary>Adds a file that never changes. The same bytes again are no error.</summary>
    /// <exception cref="AuditHaltedException">The file is there with other bytes, which stay.</exception>
    Task AddAsync(string path, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    /// <summary>Replaces a file, unless it changed meanwhile.</summary>
    /// <param name="path">The file.</param>
    /// <param name="from">What it has; null if there is none.</param>
    /// <param name="to">What it gets.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>False if it has something else, which stays.</returns>
    Task<bool> ReplaceAsync(
        string path, byte[]? from, ReadOnlyMemory<byte> to, CancellationToken cancellationToken);

    /// <summary>Removes the files of a folder, unless the store keeps them by a rule of its own.</summary>
    Task RemoveAsync(string folder, CancellationToken cancellationToken);
}
