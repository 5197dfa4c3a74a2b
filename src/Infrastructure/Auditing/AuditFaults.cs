namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>A log must not be signed: its operator has to decide.</summary>
internal class AuditHaltedException(string message) : Exception(message);

/// <summary>The database is older than what was published: nothing is signed until the logs were recovered.</summary>
internal sealed class AuditBehindException(string message) : AuditHaltedException(message);

/// <summary>
/// The mirror, or another one who has to be asked, cannot be reached or written: nothing is published meanwhile.
/// </summary>
internal sealed class MirrorUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
