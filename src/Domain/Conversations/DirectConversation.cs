using System.Security.Cryptography;

namespace ChatCqrs.Domain.Conversations;

/// <summary>
/// The one direct conversation of two users. Its id is a name-based UUID over both ids, so whoever writes first, and from whichever
/// node, they meet in the same stream. Version 8 (RFC 9562, section 5.8) with SHA-256 over a fixed
/// namespace and both ids, smaller first. Ids of users have version 7, so the two are never taken for each other.
/// </summary>
public static class DirectConversation
{
    /// <summary>The UUID version of their ids.</summary>
    public const int Version = 8;

    private static readonly byte[] Namespace = "chatcqrs:direct:"u8.ToArray();

    public static ConversationId IdOf(UserId one, UserId other)
    {
        var (low, high) = one.Value.CompareTo(other.Value) < 0 ? (one, other) : (other, one);
        Span<byte> name = stackalloc byte[Namespace.Length + 32];
        Namespace.CopyTo(name);
        low.Value.TryWriteBytes(name[Namespace.Length..], bigEndian: true, out _);
        high.Value.TryWriteBytes(name[(Namespace.Length + 16)..], bigEndian: true, out _);

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(name, hash);
        hash[6] = (byte)((hash[6] & 0x0f) | (Version << 4));
        hash[8] = (byte)((hash[8] & 0x3f) | 0x80);
        return new ConversationId(new Guid(hash[..16], bigEndian: true));
    }
}
