using System.Collections.Concurrent;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Infrastructure.Sealing;

/// <inheritdoc cref="IContentSealer"/>
/// <remarks>
/// Content that expires belongs to a <see cref="Bucket"/>. A node caches derived keys for at most
/// <see cref="KeyLifetime"/>, so a shredded secret takes effect by then even on a node that misses the notification.
/// With a cached key, calls complete synchronously. See docs/adr/0004-content-keys.md.
/// </remarks>
public sealed class ContentSealer(Secrets secrets, TimeProvider clock) : IContentSealer, IDisposable
{
    /// <summary>How long a node may use a key after its secret was shredded, if it misses the notification.</summary>
    public static readonly TimeSpan KeyLifetime = TimeSpan.FromSeconds(60);

    private const int AssociatedSize = 48;

    private readonly KeyCache _keys = new(KeyLifetime, clock);

    /// <summary>Derivations in progress: concurrent callers with the same key share one query.</summary>
    private readonly ConcurrentDictionary<(KeyId Id, bool Create), Lazy<Task<DerivedKey?>>> _deriving = new();

    public async ValueTask<SealedContent> SealAsync(
        SealScope scope, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var bucket = scope.ExpiresAt is { } expiresAt ? Bucket.Of(expiresAt, clock.GetUtcNow()) : null;
        var id = new KeyId(bucket, scope.Owner, scope.Conversation);
        var key = _keys.Find(id) ?? await DeriveAsync(id, create: true, cancellationToken);
        return new SealedContent(bucket, Seal(key!, scope, content.Span), key!.Commit);
    }

    public async ValueTask<ReadOnlyMemory<byte>?> OpenAsync(
        SealScope scope, SealedContent content, CancellationToken cancellationToken)
    {
        var id = IdOf(scope, content);
        var key = _keys.Find(id) ?? await DeriveAsync(id, create: false, cancellationToken);
        if (key is null)
            return null; // A conditional expression would convert null to empty content.
        return Open(key, scope, content);
    }

    public async ValueTask PrepareAsync(
        IEnumerable<(SealScope Scope, SealedContent Content)> contents, CancellationToken cancellationToken)
    {
        var ids = contents
            .Select(item => IdOf(item.Scope, item.Content)).Distinct()
            .Where(id => _keys.Find(id) is null).ToList();
        if (ids.Count == 0)
            return;
        var generation = _keys.Generation;
        var found = await secrets.FindAsync([.. ids.SelectMany(id => id.SecretNames()).Distinct()], cancellationToken);
        foreach (var id in ids)
            AddDerived(id, id.SecretNames(), found, generation);
    }

    public async Task<int> ShredEndedAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken)
    {
        var shredded = await secrets.ShredEndedAsync(now, limit, cancellationToken);
        _keys.Forget(id => id.Bucket is not null && Bucket.EndOf(id.Bucket) <= now);
        return shredded;
    }

    public async ValueTask<Fingerprint> FingerprintAsync(
        UserId owner, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var id = new KeyId(null, owner, null);
        var key = _keys.Find(id) ?? await DeriveAsync(id, create: true, cancellationToken);
        return new Fingerprint(key!.Fingerprint(content.Span));
    }

    public async Task ShredAsync(UserId owner, CancellationToken cancellationToken)
    {
        var secret = SecretName.Of(owner);
        await secrets.ShredAsync(secret, cancellationToken);
        Forget(secret);
    }

    /// <summary>
    /// The root keys of content, for escrow; those of which a secret is missing or shredded are absent. Of users who
    /// are erased under a hold, what was put aside counts.
    /// </summary>
    internal async Task<IReadOnlyDictionary<KeyId, byte[]>> RootKeysAsync(
        IReadOnlyCollection<KeyId> ids, CancellationToken cancellationToken)
    {
        if (ids.Count == 0)
            return new Dictionary<KeyId, byte[]>();
        var owners = ids.Select(id => id.Owner).Distinct().ToList();
        var names = ids.SelectMany(id => id.SecretNames()).Concat(owners.Select(SecretName.OfLeaving)).Distinct();
        var found = new Dictionary<string, byte[]>(await secrets.FindAsync([.. names], cancellationToken));
        foreach (var owner in owners)
        {
            if (found.TryGetValue(SecretName.OfLeaving(owner), out var aside))
                found.TryAdd(SecretName.Of(owner), aside);
        }

        return ids.Select(id => (Id: id, Names: id.SecretNames()))
            .Where(key => key.Names.TrueForAll(found.ContainsKey))
            .ToDictionary(key => key.Id, key => DerivedKey.RootOf(key.Names, found));
    }

    /// <summary>Puts a user's secret aside, if it is there, before it is shredded.</summary>
    internal async Task PutAsideAsync(UserId owner, CancellationToken cancellationToken)
    {
        var found = await secrets.FindAsync([SecretName.Of(owner)], cancellationToken);
        await secrets.StoreAsync(
            found.ToDictionary(_ => SecretName.OfLeaving(owner), secret => secret.Value), cancellationToken);
    }

    /// <summary>Puts root keys of content into escrow.</summary>
    internal Task EscrowAsync(IReadOnlyDictionary<string, byte[]> keys, CancellationToken cancellationToken) =>
        secrets.StoreAsync(keys, cancellationToken);

    /// <summary>Opens content with a key in escrow; null if there is none.</summary>
    /// <param name="names">Where the key may be, all being the same.</param>
    internal async Task<ReadOnlyMemory<byte>?> OpenEscrowedAsync(
        IReadOnlyCollection<string> names, SealScope scope, SealedContent content, CancellationToken cancellationToken)
    {
        var found = await secrets.FindAsync(names, cancellationToken);
        if (found.Values.FirstOrDefault() is not { } root)
            return null; // A conditional expression would convert null to empty content.
        return Open(DerivedKey.From(IdOf(scope, content).SecretNames(), root), scope, content);
    }

    /// <summary>Forgets the keys of a secret that this node or another has shredded.</summary>
    public void Forget(string secret) => _keys.Forget(secret);

    /// <summary>Forgets all keys; notifications of shredded secrets may have been missed.</summary>
    public void ForgetAll() => _keys.ForgetAll();

    public void Dispose() => _keys.Dispose();

    private static KeyId IdOf(SealScope scope, SealedContent content) =>
        new(content.Bucket, scope.Owner, scope.Conversation);

    private Task<DerivedKey?> DeriveAsync(KeyId id, bool create, CancellationToken cancellationToken) => _deriving
        .GetOrAdd((id, create), key => new(() => DeriveOnceAsync(key.Id, key.Create)))
        .Value.WaitAsync(cancellationToken);

    private async Task<DerivedKey?> DeriveOnceAsync(KeyId id, bool create)
    {
        try
        {
            // No caller's cancellation may cancel the shared query.
            var names = id.SecretNames();
            var generation = _keys.Generation;
            var found = create
                ? await secrets.GetOrCreateAsync(names, CancellationToken.None)
                : await secrets.FindAsync(names, CancellationToken.None);
            return AddDerived(id, names, found, generation);
        }
        finally
        {
            _deriving.TryRemove((id, create), out _);
        }
    }

    private DerivedKey? AddDerived(
        KeyId id, List<string> names, IReadOnlyDictionary<string, byte[]> found, long generation) =>
        names.TrueForAll(found.ContainsKey) ? _keys.Add(id, DerivedKey.From(names, found), generation) : null;

    private static byte[] Seal(DerivedKey key, SealScope scope, ReadOnlySpan<byte> content)
    {
        Span<byte> associated = stackalloc byte[AssociatedSize];
        WriteAssociated(scope, associated);
        return key.Seal(content, associated);
    }

    /// <summary>Checks the commitment, then opens.</summary>
    private static ReadOnlyMemory<byte> Open(DerivedKey key, SealScope scope, SealedContent content)
    {
        key.Check(content.Commit);
        Span<byte> associated = stackalloc byte[AssociatedSize];
        WriteAssociated(scope, associated);
        return key.Open(content.Bytes.Span, associated);
    }

    /// <summary>Binds content to its owner, conversation and message; it cannot move to another place.</summary>
    private static void WriteAssociated(SealScope scope, Span<byte> bytes)
    {
        scope.Owner.Value.TryWriteBytes(bytes, bigEndian: true, out _);
        (scope.Conversation?.Value ?? Guid.Empty).TryWriteBytes(bytes[16..], bigEndian: true, out _);
        (scope.Message?.Value ?? Guid.Empty).TryWriteBytes(bytes[32..], bigEndian: true, out _);
    }
}
