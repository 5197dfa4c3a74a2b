using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Infrastructure.Sealing;

/// <inheritdoc cref="IContentSealer"/>
/// <remarks>
/// Buckets: the UTC day in which content expires, or the hour where it lives for less than two days; a bucket is readable until its end. Derived
/// keys are kept for <see cref="KeyLifetime"/> at most, so that shredding takes effect on every node by then.
/// </remarks>
public sealed class ContentSealer(Secrets secrets, TimeProvider clock) : IContentSealer, IDisposable
{
    public static readonly TimeSpan KeyLifetime = TimeSpan.FromSeconds(60);

    private const int KeySize = 32;
    private static readonly TimeSpan HourBucketsBelow = TimeSpan.FromDays(2);

    private readonly KeyCache _keys = new(KeyLifetime, clock);

    public async ValueTask<SealedContent> SealAsync(SealScope scope, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var bucket = scope.ExpiresAt is { } expiresAt ? BucketOf(expiresAt, clock.GetUtcNow()) : null;
        var id = new KeyId(bucket, scope.Owner, scope.Conversation);
        var key = _keys.Find(id) ?? await DeriveAsync(id, create: true, cancellationToken);
        return new SealedContent(bucket, key!.Seal(content.Span, Associated(scope)));
    }

    public async ValueTask<ReadOnlyMemory<byte>?> OpenAsync(SealScope scope, SealedContent content, CancellationToken cancellationToken)
    {
        var id = new KeyId(content.Bucket, scope.Owner, scope.Conversation);
        var key = _keys.Find(id) ?? await DeriveAsync(id, create: false, cancellationToken);
        return key?.Open(content.Bytes.Span, Associated(scope));
    }

    public async ValueTask<Fingerprint> FingerprintAsync(UserId owner, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var id = new KeyId(null, owner, null);
        var key = _keys.Find(id) ?? await DeriveAsync(id, create: true, cancellationToken);
        return new Fingerprint(key!.Fingerprint(content.Span));
    }

    public void Dispose() => _keys.Dispose();

    /// <summary>The bucket whose end is the first at or after the content's expiry.</summary>
    internal static string BucketOf(DateTimeOffset expiresAt, DateTimeOffset now)
    {
        var utc = expiresAt.UtcDateTime;
        return expiresAt - now < HourBucketsBelow ? $"hour-{utc:yyyy-MM-dd'T'HH}" : $"day-{utc:yyyy-MM-dd}";
    }

    private async Task<DerivedKey?> DeriveAsync(KeyId id, bool create, CancellationToken cancellationToken)
    {
        var names = id.SecretNames();
        var found = create
            ? await secrets.GetOrCreateAsync(names, cancellationToken)
            : await secrets.FindAsync(names, cancellationToken);
        if (found.Count < names.Count)
            return null;

        var material = new byte[names.Count * KeySize];
        for (var index = 0; index < names.Count; index++)
            found[names[index]].CopyTo(material, index * KeySize);
        var derived = HKDF.DeriveKey(
            HashAlgorithmName.SHA256, material, 2 * KeySize, salt: null, info: Encoding.UTF8.GetBytes("chatcqrs content " + string.Join(' ', names)));
        CryptographicOperations.ZeroMemory(material);
        return _keys.Add(id, new DerivedKey(derived.AsSpan(0, KeySize), derived[KeySize..]));
    }

    /// <summary>Owner, conversation and message: 48 bytes, so that content cannot be moved to another place.</summary>
    private static byte[] Associated(SealScope scope)
    {
        var bytes = new byte[48];
        scope.Owner.Value.TryWriteBytes(bytes, bigEndian: true, out _);
        (scope.Conversation?.Value ?? Guid.Empty).TryWriteBytes(bytes.AsSpan(16), bigEndian: true, out _);
        (scope.Message?.Value ?? Guid.Empty).TryWriteBytes(bytes.AsSpan(32), bigEndian: true, out _);
        return bytes;
    }
}

/// <summary>Which secrets a key is derived from.</summary>
internal readonly record struct KeyId(string? Bucket, UserId Owner, ConversationId? Conversation)
{
    public List<string> SecretNames()
    {
        var names = new List<string>(capacity: 3);
        if (Bucket is not null)
            names.Add("bucket:" + Bucket);
        names.Add("user:" + Owner);
        if (Conversation is { } conversation)
            names.Add("conversation:" + conversation);
        return names;
    }
}
