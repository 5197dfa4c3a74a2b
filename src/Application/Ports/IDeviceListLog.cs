using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// The statements of users' devices, and their entries in the log of keys. The entries stay for ever and have hashes
/// only; the statements are erased with their users. Members throw <see cref="StoreUnavailableException"/> if the
/// database cannot be reached.
/// </summary>
public interface IDeviceListLog
{
    /// <summary>A user's newest statement; null for none, and for an erased user.</summary>
    Task<LoggedStatement?> NewestAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>
    /// Appends a statement's entry, and signs and publishes the log. What a crash leaves unpublished, a repeat or the
    /// job of the log of heads publishes. With <c>Audit:Quorum</c> it is published once the witnesses have signed.
    /// </summary>
    /// <param name="version">The statement's version.</param>
    /// <param name="previous">The leaf of the user's entry before; zeros for none.</param>
    /// <param name="statement">The statement's bytes.</param>
    /// <returns>
    /// The entry, also where the same statement was appended before, which also brings a lost one back; null if the
    /// newest one is not the one before.
    /// </returns>
    /// <exception cref="RefusedException">The user's statements were erased.</exception>
    /// <exception cref="StoreUnavailableException">The log is not signed now, see <c>chat.audit.halted</c>.</exception>
    Task<LoggedStatement?> AppendAsync(
        UserId user, long version, ReadOnlyMemory<byte> previous, ReadOnlyMemory<byte> statement,
        CancellationToken cancellationToken);

    /// <summary>
    /// Erases a user's statements, and refuses further ones of a user who had any. An append at the same time may
    /// outlive it: repeat it once that has ended.
    /// </summary>
    Task ForgetAsync(UserId user, CancellationToken cancellationToken);
}

/// <summary>A statement in the log of keys.</summary>
/// <param name="Version">From 0.</param>
/// <param name="Statement">Its bytes; null where a restore of the database has lost them.</param>
/// <param name="Leaf">The leaf of its entry, 32 bytes: what the next statement names.</param>
/// <param name="Entry">The entry's place in the log.</param>
/// <param name="IsPublished">Whether a published checkpoint covers the entry.</param>
public sealed record LoggedStatement(
    long Version, ReadOnlyMemory<byte>? Statement, ReadOnlyMemory<byte> Leaf, long Entry, bool IsPublished);
