using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing;

/// <summary>Opens content for an auditor. The caller has checked that a matter covers it.</summary>
public interface IAuditedContent
{
    /// <summary>Opens content with the live secrets, or else with what a hold has kept of them.</summary>
    /// <param name="sentAt">
    /// When the message was sent, or the title given, UTC: what decides which holds cover it.
    /// </param>
    /// <returns>Null if the content is gone for good.</returns>
    /// <exception cref="System.Security.Cryptography.CryptographicException">The bytes were tampered with.</exception>
    /// <exception cref="StoreUnavailableException">The secrets cannot be reached.</exception>
    ValueTask<ReadOnlyMemory<byte>?> OpenAsync(
        SealScope scope, SealedContent content, DateTimeOffset sentAt, CancellationToken cancellationToken);
}
