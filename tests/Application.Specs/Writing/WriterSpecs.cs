using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>A log in memory, two people, and nodes; what the log holds in the end is what counts.</summary>
public abstract class WriterSpecs : IAsyncLifetime
{
    private readonly List<IAsyncDisposable> _nodes = [];

    protected InMemoryEventStore Log { get; } = new();

    private protected Views Views { get; }

    protected static UserId Ann { get; } = new(Guid.CreateVersion7());

    protected static UserId Ben { get; } = new(Guid.CreateVersion7());

    protected static ConversationId Theirs { get; } = DirectConversation.IdOf(Ann, Ben);

    protected WriterSpecs() => Views = new Views(Log);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var node in _nodes)
            await node.DisposeAsync();
    }

    private protected async Task<WriterNode> NodeAsync(WriterOptions? options = null, TimeProvider? clock = null)
    {
        var node = await WriterNode.StartAsync(Log, Views, options, clock);
        _nodes.Add(node);
        return node;
    }

    /// <summary>A conversation's entries as the log holds them, checked for gaps.</summary>
    protected async Task<IReadOnlyList<Recorded>> EntriesAsync(ConversationId? conversation = null)
    {
        var entries = await ReadAsync(StreamName.Of(conversation ?? Theirs));
        Assert.Equal(Enumerable.Range(0, entries.Count).Select(seq => (long)seq), entries.Select(entry => entry.Revision));
        Assert.All(entries, (entry, seq) => Assert.True((seq == 0) == entry.Event is ConversationEvent.ConversationStarted));
        return entries;
    }

    /// <summary>The messages, by id and seq.</summary>
    protected async Task<IReadOnlyList<(MessageId Id, long Seq)>> MessagesAsync(ConversationId? conversation = null) =>
    [
        .. (await EntriesAsync(conversation)).Where(entry => entry.Event is ConversationEvent.MessageSent)
            .Select(entry => (((ConversationEvent.MessageSent)entry.Event).MessageId, entry.Revision)),
    ];

    protected async Task<IReadOnlyList<ReceiptEvent>> ReceiptsAsync(ConversationId? conversation = null) =>
        [.. (await ReadAsync(StreamName.OfReceipts(conversation ?? Theirs))).Select(entry => (ReceiptEvent)entry.Event)];

    /// <summary>
    /// A stream as the log holds it, checked for each event being linked to the one before it, whoever wrote that.
    /// </summary>
    private async Task<IReadOnlyList<Recorded>> ReadAsync(string stream)
    {
        var stored = await Log.ReadStreamAsync(stream, 0, ReadDirection.Forwards, 100_000, default);
        Assert.Null(EventChain.FirstBroken(IEventCodec.FirstLink, stored));
        return [.. stored.Select(new EventCodec().Decode)];
    }

    /// <summary>After a failure the writer backs off for a moment.</summary>
    protected static async Task<T> UntilTakenAsync<T>(Func<Task<T>> ask)
    {
        T? answer = default;
        await Eventually.IsTrue(async () =>
        {
            try
            {
                answer = await ask();
                return true;
            }
            catch (StoreUnavailableException)
            {
                return false;
            }
        }, "it is taken");
        return answer!;
    }
}
