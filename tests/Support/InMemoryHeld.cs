using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Testing;

/// <summary>What holds keep, in memory. Only conversations that a scope names are in it.</summary>
public sealed class InMemoryHeld : IHeld
{
    private readonly List<HeldScope> _scopes = [];
    private readonly Dictionary<(HoldId, ConversationId), long> _next = [];

    /// <summary>The keys in escrow.</summary>
    public HashSet<(HoldId Hold, ConversationId Conversation, HeldKey Key)> Keys { get; } = [];

    public HashSet<FileId> Files { get; } = [];

    /// <summary>The users whose secrets are put aside.</summary>
    public HashSet<UserId> Aside { get; } = [];

    public Task<IAsyncDisposable> LockForPlacingAsync(CancellationToken cancellationToken) => LockAsync();

    public Task<IAsyncDisposable> LockForRemovingAsync(CancellationToken cancellationToken) => LockAsync();

    public Task<IReadOnlyList<HeldScope>> ScopesAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<HeldScope>>([.. _scopes]);

    public Task PlaceAsync(HeldScope scope, CancellationToken cancellationToken)
    {
        _scopes.Add(scope);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<UserId>> EndAsync(HoldId hold, CancellationToken cancellationToken)
    {
        _scopes.RemoveAll(scope => scope.Hold == hold);
        Keys.RemoveWhere(key => key.Hold == hold);
        return Task.FromResult<IReadOnlyList<UserId>>([]);
    }

    public Task<IReadOnlyList<(ConversationId Conversation, long From)>> UnreadAsync(
        HeldScope scope, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<(ConversationId, long)>>(
            [.. scope.Scope.Conversations.Select(id => (id, _next.GetValueOrDefault((scope.Hold, id))))]);

    public Task KeepAsync(
        HoldId hold, ConversationId conversation, IReadOnlyCollection<HeldKey> keys, IReadOnlyCollection<FileId> files,
        long through, CancellationToken cancellationToken)
    {
        Keys.UnionWith(keys.Select(key => (hold, conversation, key)));
        Files.UnionWith(files);
        _next[(hold, conversation)] = through + 1;
        return Task.CompletedTask;
    }

    public Task<bool> HoldsAsync(ConversationId conversation, CancellationToken cancellationToken) =>
        Task.FromResult(_scopes.Exists(scope => scope.Scope.Conversations.Contains(conversation)));

    public Task PutAsideAsync(UserId user, CancellationToken cancellationToken)
    {
        Aside.Add(user);
        return Task.CompletedTask;
    }

    public Task DropAsideAsync(UserId user, CancellationToken cancellationToken)
    {
        Aside.Remove(user);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<HoldId>> LimitingAsync(UserId user, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<HoldId>>([]);

    public Task NoteLimitAsync(
        UserId user, IReadOnlyCollection<HoldId> holds, CancellationToken cancellationToken) => Task.CompletedTask;

    public ValueTask<ReadOnlyMemory<byte>?> OpenAsync(
        IReadOnlyCollection<HoldId> holds, SealScope scope, SealedContent content,
        CancellationToken cancellationToken) => ValueTask.FromResult<ReadOnlyMemory<byte>?>(null);

    private static Task<IAsyncDisposable> LockAsync() => Task.FromResult<IAsyncDisposable>(new Nothing());

    private sealed class Nothing : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
