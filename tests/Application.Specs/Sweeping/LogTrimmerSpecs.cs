using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Specs.Writing;
using ChatCqrs.Application.Sweeping;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Serialization;
using Microsoft.Extensions.Logging.Abstractions;

namespace ChatCqrs.Application.Specs.Sweeping;

/// <summary>Truncation removes only entries that the query for expired messages has seen.</summary>
public sealed class LogTrimmerSpecs : WriterSpecs
{
    [Fact]
    public async Task A_message_sent_after_the_query_stays_in_the_log()
    {
        var node = await NodeAsync();
        for (var n = 0; n < 10; n++)
            await node.SendAsync(Ann, Ben);
        var trims = new Trims(new LogTrim(Theirs, ExpirySeq: 5, KeptFrom: 11)); // Nothing is kept of entries 0 to 10.
        for (var n = 0; n < 10; n++)
            await node.SendAsync(Ann, Ben); // The snapshot is beyond them when it is read.

        await new LogTrimmer(trims, Log, new EventCodec(), Views, TimeProvider.System, NullLogger<LogTrimmer>.Instance)
            .TrimAsync(default);

        var left = await Log.ReadStreamAsync(StreamName.Of(Theirs), 0, ReadDirection.Forwards, 100, default);
        Assert.Equal(Enumerable.Range(11, 10).Select(seq => (long)seq), left.Select(stored => stored.Revision));
    }

    private sealed class Trims(LogTrim trim) : IExpiry, ILogTrims
    {
        private bool _isDone;

        public Task<ILogTrims?> TrimsAsync(CancellationToken cancellationToken) => Task.FromResult<ILogTrims?>(this);

        public Task<IReadOnlyList<LogTrim>> NextAsync(
            ConversationId? after, int limit, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<LogTrim>>(_isDone ? [] : [trim]);

        public Task NoteStartAsync(
            string stream, ConversationId conversation, long before, ReadOnlyMemory<byte> hash,
            CancellationToken cancellationToken) => Task.CompletedTask;

        public Task DoneAsync(LogTrim done, CancellationToken cancellationToken)
        {
            _isDone = true;
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

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
