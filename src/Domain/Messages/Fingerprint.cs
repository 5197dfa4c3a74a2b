namespace ChatCqrs.Domain.Messages;

/// <summary>
/// The first 128 bits of a keyed hash over a message's content: equal for a retry, different for another message under the same id, and
/// of no use to guess the content without the key.
/// </summary>
public readonly record struct Fingerprint(UInt128 Value);
