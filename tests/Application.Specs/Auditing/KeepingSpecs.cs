using ChatCqrs.Application.Holds;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace ChatCqrs.Application.Specs.Auditing;

/// <summary>What a hold covers is in escrow before anything removes it.</summary>
public sealed class KeepingSpecs
{
    private static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly UserId Ann = new(Guid.CreateVersion7());
    private static readonly UserId Ben = new(Guid.CreateVersion7());
    private static readonly DeviceId Phone = new(Guid.CreateVersion7());
    private static readonly FileId File = new(Guid.CreateVersion7());
    private static readonly HoldId Hold = new(Guid.CreateVersion7());

    private readonly ConversationId _held = new(Guid.CreateVersion7());
    private readonly ConversationId _other = new(Guid.CreateVersion7());
    private readonly InMemoryEventStore _store = new();
    private readonly InMemoryHeld _keeps = new();
    private readonly EventCodec _codec = new();
    private readonly Behind _views = new();

    [Fact]
    public async Task Keys_and_files_of_what_the_hold_covers_are_kept_first_and_nothing_else()
    {
        await PlaceAsync(from: At, to: At.AddDays(1));
        await AppendAsync(_held,
            Started(At.AddDays(-1)), Sent(Ann, "too-early", At.AddMilliseconds(-1)), Sent(Ann, "day-1", At, File),
            Sent(Ben, "day-1", At.AddHours(1)), Edited(Ben, "hour-1", At.AddHours(2)),
            Sent(Ben, "too-late", At.AddDays(1).AddMilliseconds(1)));
        await AppendAsync(_other, Sent(Ann, "day-1", At));

        var kept = await Keeping().RemoveAsync(() => Task.FromResult(_keeps.Keys.ToList()), default);

        Assert.Equal(
            new[] { new HeldKey("day-1", Ann), new HeldKey("day-1", Ben), new HeldKey("hour-1", Ben) }
                .Select(key => (Hold, _held, key)).OrderBy(key => key.ToString()),
            kept.OrderBy(key => key.ToString()));
        Assert.Equal([File], _keeps.Files);
    }

    [Fact]
    public async Task A_groups_title_is_kept()
    {
        await PlaceAsync();
        var title = new GroupTitle(new SealedContent(null, new byte[] { 1 }), Ann);
        await AppendAsync(
            _held,
            new ConversationEvent.ConversationStarted(ConversationKind.Group, Ann, [Ann, Ben], title) { At = At },
            new ConversationEvent.GroupRenamed(title with { By = Ben }) { At = At });

        await Keeping().KeepAllAsync(default);

        Assert.Equal([Ann, Ben], _keeps.Keys.Select(key => key.Key.Owner).OrderBy(id => id == Ben));
    }

    [Fact]
    public async Task What_comes_later_is_kept_by_the_next_removal()
    {
        await PlaceAsync();
        await AppendAsync(_held, Sent(Ann, "day-1", At));
        await Keeping().RemoveAsync(() => Task.FromResult(0), default);

        await AppendAsync(_held, Sent(Ann, "day-2", At));
        await Keeping().RemoveAsync(() => Task.FromResult(0), default);

        Assert.Equal(["day-1", "day-2"], _keeps.Keys.Select(key => key.Key.Bucket).Order());
    }

    [Fact]
    public async Task While_the_views_lag_nothing_is_removed_unless_there_is_no_hold()
    {
        _views.IsBehind = true;
        Assert.Equal(7, await Keeping().RemoveAsync(() => Task.FromResult(7), default));
        Assert.True(await Keeping().TruncateAsync(_held, () => Task.FromResult(true), default));
        await PlaceAsync();

        await Assert.ThrowsAsync<StoreUnavailableException>(() => Keeping().RemoveAsync(Never, default));
        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => Keeping().TruncateAsync(_other, async () => await Never() > 0, default));

        static Task<int> Never() => throw new InvalidOperationException("This was removed.");
    }

    [Fact]
    public async Task A_held_conversation_is_not_truncated()
    {
        await PlaceAsync();
        var truncated = new List<ConversationId>();

        Assert.False(await Keeping().TruncateAsync(_held, () => AddAsync(_held), default));
        Assert.True(await Keeping().TruncateAsync(_other, () => AddAsync(_other), default));
        await _keeps.EndAsync(Hold, default);
        Assert.True(await Keeping().TruncateAsync(_held, () => AddAsync(_held), default));

        Assert.Equal([_other, _held], truncated);

        Task<bool> AddAsync(ConversationId conversation)
        {
            truncated.Add(conversation);
            return Task.FromResult(true);
        }
    }

    private Keeping Keeping() => new(_keeps, _store, _codec, _views, NullLogger<Keeping>.Instance);

    private Task PlaceAsync(DateTimeOffset? from = null, DateTimeOffset? to = null) =>
        _keeps.PlaceAsync(new HeldScope(Hold, new AuditScope([_held], [], from, to), At), default);

    private async Task AppendAsync(ConversationId conversation, params ConversationEvent[] events)
    {
        var stream = StreamName.Of(conversation);
        var last = await _store.ReadStreamAsync(stream, long.MaxValue, ReadDirection.Backwards, 1, default);
        var (revision, hash) = last.Count == 0
            ? (-1, IEventCodec.FirstLink)
            : (last[0].Revision, _codec.HashOf(last[0]));
        foreach (var @event in events)
        {
            var context = new EventContext(Guid.NewGuid(), @event.At, new Actor(Ann, Phone), null, null);
            (var data, hash) = _codec.Encode(@event, context, hash);
            await _store.AppendAsync([new StreamAppend(stream, revision++, [data])], default);
        }
    }

    private static ConversationEvent Started(DateTimeOffset at) =>
        new ConversationEvent.ConversationStarted(ConversationKind.Direct, Ann, [Ann, Ben]) { At = at };

    private static ConversationEvent Sent(UserId by, string bucket, DateTimeOffset at, FileId? file = null) =>
        new ConversationEvent.MessageSent(
            new(Guid.CreateVersion7()), by, Phone, MessageType.Text, new SealedContent(bucket, new byte[] { 1 }),
            new Fingerprint(1), null, null, file is { } one ? [one] : null)
        { At = at };

    private static ConversationEvent Edited(UserId by, string bucket, DateTimeOffset at) =>
        new ConversationEvent.MessageEdited(
            new(Guid.CreateVersion7()), 1, by, new SealedContent(bucket, new byte[] { 1 }), new Fingerprint(1))
        { At = at };

    /// <summary>Views that can be behind.</summary>
    private sealed class Behind : IReadSide
    {
        public bool IsBehind { get; set; }

        public LogPosition Position => LogPosition.Start;

        public Task<bool> EndsEarlyAsync(ConversationId conversation, CancellationToken cancellationToken) =>
            Task.FromResult(false);

        public Task<bool> WaitForAsync(
            LogPosition position, TimeSpan timeout, CancellationToken cancellationToken) => Task.FromResult(!IsBehind);
    }
}
