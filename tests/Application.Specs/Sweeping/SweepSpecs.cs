using System.Collections.Immutable;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Holds;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Retention;
using ChatCqrs.Application.Sweeping;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Retention;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Specs.Sweeping;

/// <summary>A sweep over a few conversations, to some of which appends fail.</summary>
public sealed class SweepSpecs
{
    private readonly ConversationId _good = new(Guid.CreateVersion7());
    private readonly ConversationId _bad = new(Guid.CreateVersion7());
    private readonly ClockGuard _guard = new(TimeProvider.System);
    private readonly InMemoryEventStore _log = new();
    private readonly Stage _stage = new();
    private readonly InMemoryHeld _held = new();
    private readonly Keeping _keeping;
    private readonly AuditWriter _writer;

    public SweepSpecs()
    {
        _keeping = new Keeping(_held, _log, new EventCodec(), _stage, NullLogger<Keeping>.Instance);
        _writer = new AuditWriter(_log, new EventCodec(), _guard, TimeProvider.System);
    }

    [Fact]
    public async Task A_failing_conversation_does_not_hold_up_others()
    {
        _stage.Due = [_bad, _good];
        _stage.Failures[_bad] = new FormatException("An event cannot be read.");

        Assert.Equal(1, (await SweepAsync()).Messages);
        Assert.Equal([_bad], _stage.Due);
        Assert.Equal(0, (await SweepAsync()).Messages); // The sweep ends; the next one tries again.
        _stage.Failures.Clear();
        Assert.Equal(1, (await SweepAsync()).Messages);
    }

    [Fact]
    public async Task Others_have_their_turn_though_a_whole_step_of_conversations_fails()
    {
        _stage.Due = [.. Enumerable.Range(0, 600).Select(_ => new ConversationId(Guid.CreateVersion7())), _good];
        foreach (var bad in _stage.Due.SkipLast(1))
            _stage.Failures[bad] = new FormatException("An event cannot be read.");

        Assert.Equal(1, (await SweepAsync()).Messages);
        Assert.DoesNotContain(_good, _stage.Due);
    }

    [Fact]
    public async Task Shorter_times_come_into_the_messages_step_by_step_whatever_fails_elsewhere()
    {
        _stage.Shortened[_bad] = 3;
        _stage.Shortened[_good] = 7;
        _stage.Failures[_bad] = new FormatException("A row cannot be written.");
        _stage.Due = [_good];

        Assert.Equal(1, (await SweepAsync()).Messages);
        Assert.Equal(3, Assert.Single(_stage.Shortened).Value);
        _stage.Failures.Clear();
        await SweepAsync();
        Assert.Empty(_stage.Shortened);
    }

    [Fact]
    public async Task A_conversation_with_very_many_shorter_times_leaves_the_sweep_to_others_after_some_steps()
    {
        _stage.Shortened[_bad] = 250;
        _stage.Due = [_good];

        Assert.Equal(1, (await SweepAsync()).Messages);
        Assert.Equal(150, _stage.Shortened[_bad]);
    }

    [Fact]
    public async Task Receipts_are_trimmed_step_by_step_whatever_fails_elsewhere()
    {
        _stage.Trims[_bad] = 2;
        _stage.Trims[_good] = 3;
        _stage.Failures[_bad] = new FormatException("A row cannot be deleted.");

        await SweepAsync();

        Assert.Equal(_bad, Assert.Single(_stage.Trims).Key);
    }

    [Fact]
    public async Task Gone_messages_are_moved_step_by_step_whatever_fails_elsewhere()
    {
        _stage.Unmoved[_bad] = 2;
        _stage.Unmoved[_good] = 3;
        _stage.Failures[_bad] = new FormatException("A row cannot be moved.");

        await SweepAsync();

        Assert.Equal((_bad, 2), (Assert.Single(_stage.Unmoved).Key, _stage.Unmoved[_bad]));
    }

    [Fact]
    public async Task A_part_that_fails_does_not_hold_up_the_others_and_fails_the_sweep_in_the_end()
    {
        _stage.ShreddingFails = true;
        _stage.Due = [_good];
        _stage.Trims[_good] = 1;
        _stage.Unmoved[_good] = 1;

        await Assert.ThrowsAsync<FormatException>(SweepAsync);

        Assert.Empty(_stage.Due);
        Assert.Empty(_stage.Trims);
        Assert.Empty(_stage.Unmoved);
    }

    [Fact]
    public async Task An_unavailable_store_ends_the_sweep()
    {
        _stage.Due = [_good];
        _stage.Failures[_good] = new StoreUnavailableException("Away, as the test wished.");

        await Assert.ThrowsAsync<StoreUnavailableException>(SweepAsync);
        Assert.Equal([_good], _stage.Due);
    }

    [Fact]
    public async Task By_a_clock_that_is_off_nothing_is_swept()
    {
        _stage.Due = [_good];
        _guard.Compare(DateTimeOffset.UtcNow - ClockGuard.OffMax - TimeSpan.FromMinutes(1));

        await Assert.ThrowsAsync<StoreUnavailableException>(SweepAsync);
        Assert.Equal([_good], _stage.Due);

        _guard.Compare(DateTimeOffset.UtcNow);
        await SweepAsync();
        Assert.Empty(_stage.Due);
    }

    private Task<SweepMessages.Result> SweepAsync() => new SweepMessages.Handler(
        _stage, new Shredding(_keeping, _stage, _held, _writer), _stage, _stage,
        new LogTrimmer(
            _stage, _keeping, _log, new EventCodec(), new NoSnapshots(), new PublishedHeads(),
            new CutLog(_writer, _log, new EventCodec()), TimeProvider.System, NullLogger<LogTrimmer>.Instance),
        new RowTrimmer(_stage, TimeProvider.System, NullLogger<RowTrimmer>.Instance), _guard,
        Options.Create(new RetentionOptions()), TimeProvider.System, NullLogger<SweepMessages.Handler>.Instance)
        .Handle(new SweepMessages.Command(), CancellationToken.None);

    /// <summary>The ports of a sweep.</summary>
    private sealed class Stage : IExpiry, IContentSealer, IConversationWriter, IReadSide
    {
        public List<ConversationId> Due { get; set; } = [];

        public Dictionary<ConversationId, Exception> Failures { get; } = [];

        /// <summary>Steps until a conversation's messages say their shorter time.</summary>
        public Dictionary<ConversationId, int> Shortened { get; } = [];

        /// <summary>Steps until a conversation's receipts are trimmed.</summary>
        public Dictionary<ConversationId, int> Trims { get; } = [];

        /// <summary>Steps until a conversation's gone messages have their narrow rows.</summary>
        public Dictionary<ConversationId, int> Unmoved { get; } = [];

        public bool ShreddingFails { get; set; }

        public LogPosition Position => LogPosition.Start;

        public Task<bool> EndsEarlyAsync(ConversationId conversation, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<LogPosition> Started => Task.FromResult(LogPosition.Start);

        public LogPosition LastCommitted => LogPosition.Start;

        public void ForgetAll() => throw new NotSupportedException();

        public Task<IReadOnlyList<DueMessages>> DueAsync(
            DateTimeOffset now, IReadOnlyCollection<ConversationId> except, int limit,
            CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<DueMessages>>(
                [
                    .. Due.Except(except).Take(limit).Select(conversation => new DueMessages(
                        conversation, [new ExpiredMessage(new MessageId(conversation.Value), 1)], 1)),
                ]);

        public Task<IReadOnlyList<ConversationId>> ShortenedAsync(
            ConversationId? after, int limit, CancellationToken cancellationToken) =>
            NextAsync(Shortened, after, limit);

        public Task<bool> ShortenAsync(ConversationId conversation, int limit, CancellationToken cancellationToken)
        {
            if (Failures.TryGetValue(conversation, out var failure))
                return Task.FromException<bool>(failure);
            return StepAsync(Shortened, conversation);
        }

        public Task<IReadOnlyList<ReceiptTrim>> ReceiptTrimsAsync(
            ConversationId? after, int limit, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<ReceiptTrim>>(
            [
                .. Trims.Keys.OrderBy(id => id.Value).Where(id => after is null || id.Value > after.Value.Value)
                    .Take(limit).Select(id => new ReceiptTrim(id, LogPosition.Start)),
            ]);

        public Task<bool> TrimReceiptsAsync(ReceiptTrim trim, int limit, CancellationToken cancellationToken) =>
            Failures.TryGetValue(trim.Conversation, out var failure)
                ? Task.FromException<bool>(failure)
                : StepAsync(Trims, trim.Conversation);

        public Task<IReadOnlyList<ConversationId>> TruncatedAsync(
            ConversationId? after, int limit, CancellationToken cancellationToken) => NextAsync(Unmoved, after, limit);

        public Task<bool> MoveGoneAsync(ConversationId conversation, int limit, CancellationToken cancellationToken) =>
            Failures.TryGetValue(conversation, out var failure)
                ? Task.FromException<bool>(failure)
                : StepAsync(Unmoved, conversation);

        private static Task<IReadOnlyList<ConversationId>> NextAsync(
            Dictionary<ConversationId, int> left, ConversationId? after, int limit) =>
            Task.FromResult<IReadOnlyList<ConversationId>>(
            [
                .. left.Keys.OrderBy(id => id.Value).Where(id => after is null || id.Value > after.Value.Value)
                    .Take(limit),
            ]);

        private static Task<bool> StepAsync(Dictionary<ConversationId, int> left, ConversationId conversation)
        {
            if (--left[conversation] > 0)
                return Task.FromResult(true);
            return Task.FromResult(!left.Remove(conversation));
        }

        public Task<Changed> ChangeAsync(
            ConversationId id, ConversationCommand command, Origin origin, CancellationToken cancellationToken)
        {
            if (Failures.TryGetValue(id, out var failure))
                return Task.FromException<Changed>(failure);
            Due.Remove(id);
            ImmutableArray<ExpiredMessage> gone = [.. ((ConversationCommand.ExpireMessages)command).Messages];
            var expired = new ConversationEvent.MessagesExpired(
                gone, ExpiryReason.Expired)
            { At = DateTimeOffset.UtcNow };
            return Task.FromResult(new Changed([expired], LogPosition.Start));
        }

        public Task<bool> WaitForAsync(LogPosition position, TimeSpan timeout, CancellationToken cancellationToken) =>
            Task.FromResult(true);

        public Task<int> ShredEndedAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
            ShreddingFails ? Task.FromException<int>(new FormatException("A bucket is none.")) : Task.FromResult(0);

        public Task<ILogTrims?> TrimsAsync(CancellationToken cancellationToken) => Task.FromResult<ILogTrims?>(null);

        public Task<DeliveredMessages> DeliveredAsync(
            ConversationId? after, IReadOnlyCollection<ConversationId> except, int conversations, int limit,
            CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<SealedContent> SealAsync(
            SealScope scope, ReadOnlyMemory<byte> content,
            CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<ReadOnlyMemory<byte>?> OpenAsync(
            SealScope scope, SealedContent content,
            CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask PrepareAsync(
            IEnumerable<(SealScope Scope, SealedContent Content)> contents,
            CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<Fingerprint> FingerprintAsync(
            UserId owner, ReadOnlyMemory<byte> content,
            CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task ShredAsync(UserId owner, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<Sent> SendAsync(
            ConversationId id, ConversationCommand.SendMessage command, Origin origin,
            CancellationToken cancellationToken, SealedFor assumption = default, Task<bool>? maySend = null) =>
            throw new NotSupportedException();

        public Task<LogPosition> AcknowledgeAsync(
            ConversationId id, ReceiptCommand command, Origin origin,
            CancellationToken cancellationToken) => throw new NotSupportedException();

        public void Notice(ConversationId id, long firstSeq, long lastSeq, bool wanted) =>
            throw new NotSupportedException();

        public Task<Conversation> PeekAsync(ConversationId id, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }

    private sealed class NoSnapshots : ISnapshots
    {
        public Task<Snapshot<Conversation>?> ConversationAsync(
            ConversationId conversation, CancellationToken cancellationToken) =>
            Task.FromResult<Snapshot<Conversation>?>(null);

        public Task<Snapshot<Watermarks>?> ReceiptsAsync(
            ConversationId conversation, CancellationToken cancellationToken) =>
            Task.FromResult<Snapshot<Watermarks>?>(null);
    }
}
