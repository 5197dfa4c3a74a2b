using System.Security.Cryptography;

namespace ChatCqrs.Domain.Conversations;

/// <summary>
/// The id of the one direct conversation of two users: a name-based UUID of version 8 (RFC 9562, section 5.8), SHA-256
/// over a fixed namespace and both users' ids, the smaller first. Every node derives the same id, so concurrent first
/// messages meet in one stream. User ids have version 7, so the two kinds of ids never collide.
/// </summary>
public static class DirectConversation
{
    /// <summary>The UUID version of these ids.</summary>
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
