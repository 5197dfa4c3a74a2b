namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// Somebody outside of the database who knows what was published: a mirror, a file of the operator, a witness. Where
/// one of them knows more than the database has, the database is older than what was published, and nothing is signed.
/// </summary>
internal interface IPublishedElsewhere
{
    /// <summary>Who it is, as a log line and an answer name it, such as <c>Audit:Mirror</c>.</summary>
    string Name { get; }

    /// <summary>The largest size of a log that it knows.</summary>
    /// <param name="log"><see cref="EntryLog.Heads"/> or <see cref="EntryLog.Keys"/>.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    /// <returns>
    /// Null where it knows nothing of the log, or need not be asked; an adapter that may be away without holding
    /// publishing back returns null then.
    /// </returns>
    /// <exception cref="MirrorUnavailableException">
    /// It cannot be asked, and nothing may be signed until it was.
    /// </exception>
    Task<PublishedSize?> NewestAsync(string log, CancellationToken cancellationToken);
}

/// <summary>What was published of a log.</summary>
/// <param name="Size">The number of entries.</param>
/// <param name="Note">The checkpoint of that size, a signed note; null where only the size is known.</param>
internal sealed record PublishedSize(long Size, string? Note);
