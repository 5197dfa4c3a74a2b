using ChatCqrs.Application.Media;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Logging.Abstractions;

namespace ChatCqrs.Application.Specs.Media;

/// <summary>Garbage of which some cannot be deleted.</summary>
public sealed class MediaGarbageSpecs
{
    private readonly Store _store = new();

    [Fact]
    public async Task What_cannot_be_deleted_does_not_hold_up_the_rest()
    {
        var (bad, good) = (Keys(400), Keys(3));
        _store.Bad.UnionWith(bad);
        foreach (var key in bad.Concat(good))
            _store.Due[key] = DateTimeOffset.UnixEpoch;

        Assert.Equal(3, await ClearAsync());
        Assert.Equal(bad, _store.Due.Keys);
        Assert.All(_store.Due.Values, due => Assert.True(due > DateTimeOffset.UtcNow));
    }

    [Fact]
    public async Task An_unavailable_store_ends_the_collection()
    {
        _store.Due[BlobKey.New()] = DateTimeOffset.UnixEpoch;
        _store.Away = true;

        await Assert.ThrowsAsync<StoreUnavailableException>(ClearAsync);
        Assert.Equal([DateTimeOffset.UnixEpoch], _store.Due.Values);
    }

    private static List<BlobKey> Keys(int count) => [.. Enumerable.Range(0, count).Select(_ => BlobKey.New())];

    private Task<int> ClearAsync() =>
        new MediaGarbage(_store, _store, TimeProvider.System, NullLogger<MediaGarbage>.Instance)
            .ClearAsync(CancellationToken.None);

    /// <summary>The garbage and its bytes.</summary>
    private sealed class Store : IMedia, IBlobs
    {
        public Dictionary<BlobKey, DateTimeOffset> Due { get; } = [];

        public HashSet<BlobKey> Bad { get; } = [];

        public bool Away { get; set; }

        public Task DeleteAsync(BlobKey key, CancellationToken cancellationToken)
        {
            if (Away)
                throw new StoreUnavailableException("Away, as the test wished.");
            return Bad.Contains(key)
                ? throw new UnauthorizedAccessException("As the test wished.")
                : Task.CompletedTask;
        }

        public Task<IReadOnlyList<BlobKey>> GarbageAsync(
            DateTimeOffset now, int limit, CancellationToken cancellationToken)
        {
            var due = Due.Where(pair => pair.Value <= now).Take(limit);
            return Task.FromResult<IReadOnlyList<BlobKey>>([.. due.Select(pair => pair.Key)]);
        }

        public Task ClearedAsync(IReadOnlyCollection<BlobKey> keys, CancellationToken cancellationToken)
        {
            foreach (var key in keys)
                Due.Remove(key);
            return Task.CompletedTask;
        }

        public Task PostponeAsync(
            IReadOnlyCollection<BlobKey> keys, DateTimeOffset due, CancellationToken cancellationToken)
        {
            foreach (var key in keys)
                Due[key] = due;
            return Task.CompletedTask;
        }

        public Task ReserveAsync(BlobKey key, DateTimeOffset until, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<long?> ReserveAsync(
            BlobKey key, DateTimeOffset until, long least, long most, MediaQuota quota,
            CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task DiscardAsync(IReadOnlyCollection<BlobKey> keys, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<KeptFile?> KeepAsync(NewFile file, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<MediaFile?> FindAsync(FileId file, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<MediaFile>> FindAsync(
            IReadOnlyCollection<FileId> files, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<bool> IsSentAsync(FileId file, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<MediaFile>> OwnedAsync(
            UserId owner, FileId? after, int limit, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<FoundFile>> FindForAsync(
            IReadOnlyCollection<(UserId User, FileId File)> files, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<IReadOnlySet<FileId>> TouchAsync(
            IReadOnlyCollection<FileId> files, DateTimeOffset now, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<int> ForgetUnreferencedAsync(
            DateTimeOffset unusedSince, int limit, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<int> ForgetOwnedAsync(UserId owner, int limit, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<long> PutAsync(BlobKey key, Stream content, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<Stream?> OpenAsync(BlobKey key, long offset, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}
