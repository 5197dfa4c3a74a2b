using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Holds;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Specs.Writing;
using ChatCqrs.Application.Sweeping;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace ChatCqrs.Application.Specs.Sweeping;

/// <summary>Truncation removes only entries that the query for expired messages has seen.</summary>
public sealed class LogTrimmerSpecs : WriterSpecs
{
    private readonly PublishedHeads _heads = new();
    private readonly InMemoryHeld _held = new();

    [Fact]
    public async Task A_message_sent_after_the_query_stays_in_the_log()
    {
        var node = await NodeAsync();
        for (var n = 0; n < 10; n++)
            await node.SendAsync(Ann, Ben);
        var trims = new Trims(new LogTrim(Theirs, ExpirySeq: 5, KeptFrom: 11)); // Nothing is kept of entries 0 to 10.
        for (var n = 0; n < 10; n++)
            await node.SendAsync(Ann, Ben); // The snapshot is beyond them when it is read.

        await Trimmer(trims).TrimAsync(default);

        var left = await Log.ReadStreamAsync(StreamName.Of(Theirs), 0, ReadDirection.Forwards, 100, default);
        Assert.Equal(Enumerable.Range(11, 10).Select(seq => (long)seq), left.Select(stored => stored.Revision));
    }

    [Fact]
    public async Task Others_have_their_turn_though_a_whole_step_of_conversations_fails()
    {
        var node = await NodeAsync();
        for (var n = 0; n < 20; n++)
            await node.SendAsync(Ann, Ben);
        var bad = Enumerable.Range(1, 150).Select(n => new LogTrim(
            new ConversationId(new Guid(n, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0])), ExpirySeq: 0, KeptFrom: 1));
        var trims = new Trims([.. bad, new LogTrim(Theirs, ExpirySeq: 5, KeptFrom: 11)]);

        var trimmed = await Trimmer(trims, new Unreadable(Views, but: Theirs)).TrimAsync(default);

        Assert.Equal((1, 150), (trimmed, trims.Left));
    }

    [Fact]
    public async Task What_a_hold_covers_stays_in_the_log_until_its_release()
    {
        var node = await NodeAsync();
        for (var n = 0; n < 20; n++)
            await node.SendAsync(Ann, Ben);
        var trims = new Trims(new LogTrim(Theirs, ExpirySeq: 5, KeptFrom: 11));
        var hold = new HoldId(Guid.CreateVersion7());
        await _held.PlaceAsync(
            new HeldScope(hold, new AuditScope([Theirs], [], null, null), DateTimeOffset.UtcNow), default);

        Assert.Equal(0, await Trimmer(trims).TrimAsync(default));
        Assert.Equal(0, await FirstAsync());
        await _held.EndAsync(hold, default);
        Assert.Equal(1, await Trimmer(trims).TrimAsync(default));
        Assert.Equal(11, await FirstAsync());
    }

    /// <summary>Later, those who were shown the last checkpoint could not find what was cut beyond it.</summary>
    [Fact]
    public async Task Nothing_is_truncated_that_no_published_head_covers()
    {
        var node = await NodeAsync();
        for (var n = 0; n < 20; n++)
            await node.SendAsync(Ann, Ben);
        var events = await Log.ReadStreamAsync(StreamName.Of(Theirs), 0, ReadDirection.Forwards, 100, default);
        var trims = new Trims(new LogTrim(Theirs, ExpirySeq: 5, KeptFrom: 11));
        _heads.Covered = events[9].Position;

        Assert.Equal(0, await Trimmer(trims).TrimAsync(default));
        Assert.Equal(1, trims.Left);
        Assert.Equal(0, await FirstAsync());
        _heads.Covered = events[10].Position;
        Assert.Equal(1, await Trimmer(trims).TrimAsync(default));

        Assert.Equal((0, 11), (trims.Left, await FirstAsync()));
        var cut = new EventCodec().Decode(Assert.Single(await CutsAsync()));
        var noted = Assert.IsType<AuditEvent.StreamTruncated>(cut.Event);
        Assert.Equal(
            (StreamName.Of(Theirs), 11L, CutLog.Expired), (noted.Stream, noted.Before, noted.Reason));
        Assert.Equal(new EventCodec().HashOf(events[10]).ToArray(), noted.Hash.ToArray());
    }

    [Fact]
    public async Task A_truncation_that_is_repeated_is_noted_once()
    {
        var cuts = Cuts();
        for (var attempt = 0; attempt < 2; attempt++)
        {
            await cuts.NoteAsync(StreamName.Of(Theirs), 7, new byte[32], CutLog.Expired, default);
            await cuts.NoteAsync(StreamName.OfReceipts(Theirs), 7, new byte[32], CutLog.Expired, default);
        }

        Assert.Equal(2, (await CutsAsync()).Count);
        await cuts.NoteAsync(StreamName.Of(Theirs), 8, new byte[32], CutLog.Expired, default);
        Assert.Equal(3, (await CutsAsync()).Count);
    }

    private LogTrimmer Trimmer(Trims trims, ISnapshots? snapshots = null) => new(
        trims, new Keeping(_held, Log, new EventCodec(), Views, NullLogger<Keeping>.Instance), Log, new EventCodec(),
        snapshots ?? Views, _heads, Cuts(), TimeProvider.System, NullLogger<LogTrimmer>.Instance);

    private CutLog Cuts() => new(
        new AuditWriter(Log, new EventCodec(), new ClockGuard(TimeProvider.System), TimeProvider.System), Log,
        new EventCodec());

    private Task<IReadOnlyList<StoredEvent>> CutsAsync() => Log.ReadStreamAsync(
        StreamName.OfCuts(StreamName.Of(Theirs)), 0, ReadDirection.Forwards, 100, default);

    private async Task<long> FirstAsync() =>
        (await Log.ReadStreamAsync(StreamName.Of(Theirs), 0, ReadDirection.Forwards, 1, default))[0].Revision;

    /// <summary>Snapshots of which one can be read.</summary>
    private sealed class Unreadable(ISnapshots snapshots, ConversationId but) : ISnapshots
    {
        public Task<Snapshot<Conversation>?> ConversationAsync(
            ConversationId conversation, CancellationToken cancellationToken) => conversation == but
                ? snapshots.ConversationAsync(conversation, cancellationToken)
                : throw new FormatException("A snapshot cannot be read.");

        public Task<Snapshot<Watermarks>?> ReceiptsAsync(
            ConversationId conversation, CancellationToken cancellationToken) =>
            snapshots.ReceiptsAsync(conversation, cancellationToken);
    }

    /// <param name="trims">By their conversation.</param>
    private sealed class Trims(params IReadOnlyList<LogTrim> trims) : IExpiry, ILogTrims
    {
        private readonly List<LogTrim> _trims = [.. trims.OrderBy(trim => trim.Conversation.Value)];

        public int Left => _trims.Count;

        public Task<ILogTrims?> TrimsAsync(CancellationToken cancellationToken) => Task.FromResult<ILogTrims?>(this);

        public Task<IReadOnlyList<LogTrim>> NextAsync(
            ConversationId? after, int limit, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<LogTrim>>(
            [
                .. _trims.Where(trim => after is null || trim.Conversation.Value > after.Value.Value).Take(limit),
            ]);

        public Task NoteStartAsync(
            string stream, ConversationId conversation, long before, ReadOnlyMemory<byte> hash,
            CancellationToken cancellationToken) => Task.CompletedTask;

        public Task DoneAsync(LogTrim done, CancellationToken cancellationToken)
        {
            _trims.Remove(done);
            return Task.CompletedTask;
        }

        public Task<IReadOnlyList<DueMessages>> DueAsync(
            DateTimeOffset now, IReadOnlyCollection<ConversationId> except, int limit,
            CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<ConversationId>> ShortenedAsync(
            ConversationId? after, int limit, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<bool> ShortenAsync(ConversationId conversation, int limit, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<DeliveredMessages> DeliveredAsync(
            ConversationId? after, IReadOnlyCollection<ConversationId> except, int conversations, int limit,
            CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<ReceiptTrim>> ReceiptTrimsAsync(
            ConversationId? after, int limit, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<bool> TrimReceiptsAsync(ReceiptTrim trim, int limit, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<ConversationId>> TruncatedAsync(
            ConversationId? after, int limit, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<bool> MoveGoneAsync(ConversationId conversation, int limit, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
