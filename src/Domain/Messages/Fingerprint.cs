namespace ChatCqrs.Domain.Messages;

/// <summary>
/// The first 128 bits of a keyed hash over a message's content. Equal for a retry, different for another content under
/// the same id; useless for guessing the content without the key.
/// </summary>
public readonly record struct Fingerprint(UInt128 Value);
