using System.Collections.Immutable;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Projections.Snapshots;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>
/// The read side that the writer needs, folded in memory from the log whenever it is asked; can be held where it is.
/// </summary>
internal sealed class Views(IEventStore log, int snapshotEvery = 8) : IReadSide, ISentMessages, ISnapshots
{
    private readonly EventCodec _codec = new();
    private readonly SemaphoreSlim _folding = new(1, 1);
    private ImmutableDictionary<(UserId, MessageId), SentMessage> _messages =
        ImmutableDictionary<(UserId, MessageId), SentMessage>.Empty;

    private readonly Dictionary<string, Conversation> _conversations = [];
    private readonly Dictionary<string, Watermarks> _receipts = [];
    private readonly Dictionary<string, ConversationSnapshot> _conversationSnapshots = [];
    private readonly Dictionary<string, ReceiptsSnapshot> _receiptSnapshots = [];

    /// <summary>While true, nothing new is folded.</summary>
    public bool Held { get; set; }

    /// <summary>Happens when ids are looked up, before the answer is given.</summary>
    public Func<IReadOnlyCollection<(UserId Sender, MessageId Message)>, Task>? Finding { get; set; }

    /// <summary>How many ids were looked up.</summary>
    public int LookedUp { get; private set; }

    public LogPosition Position { get; private set; }

    /// <summary>A conversation whose views end early; null for none.</summary>
    public ConversationId? EndsEarly { get; set; }

    public Task<bool> EndsEarlyAsync(ConversationId conversation, CancellationToken cancellationToken) =>
        Task.FromResult(conversation == EndsEarly);

    public async Task<bool> WaitForAsync(LogPosition position, TimeSpan timeout, CancellationToken cancellationToken)
    {
        await FoldAsync();
        return Position >= position;
    }

    public async Task<IReadOnlyList<SentMessage>> FindAsync(
        IReadOnlyCollection<(UserId Sender, MessageId Message)> messages, ConversationId? conversation,
        CancellationToken cancellationToken)
    {
        await FoldAsync();
        LookedUp += messages.Count;
        var found = _messages.Values.Where(sent => messages.Contains((sent.Sender, sent.Message))
            || (sent.Conversation == conversation && messages.Any(key => key.Message == sent.Message))).ToList();
        if (Finding is { } finding)
            await finding(messages);
        return found;
    }

    public async Task<Snapshot<Conversation>?> ConversationAsync(ConversationId id, CancellationToken cancellationToken)
    {
        await FoldAsync();
        return _conversationSnapshots.GetValueOrDefault(StreamName.Of(id)) is { } s
            ? new Snapshot<Conversation>(s.ToState(), s.Revision, s.Hash, new LogPosition(s.Position))
            : null;
    }

    public async Task<Snapshot<Watermarks>?> ReceiptsAsync(ConversationId id, CancellationToken cancellationToken)
    {
        await FoldAsync();
        return _receiptSnapshots.GetValueOrDefault(StreamName.OfReceipts(id)) is { } s
            ? new Snapshot<Watermarks>(s.ToState(), s.Revision, s.Hash, new LogPosition(s.Position))
            : null;
    }

    private async Task FoldAsync()
    {
        await _folding.WaitAsync();
        try
        {
            var head = await log.HeadAsync(CancellationToken.None);
            if (Held || Position >= head)
                return;
            await foreach (var page in log.SubscribeAllAsync(Position, CancellationToken.None))
            {
                foreach (var stored in page)
                    Fold(_codec.Decode(stored));
                if (Position >= head)
                    return;
            }
        }
        finally
        {
            _folding.Release();
        }
    }

    private void Fold(Recorded fact)
    {
        var (stream, id) = (fact.Stream, fact.Conversation.ToString());
        switch (fact.Event)
        {
            case ConversationEvent e:
                _conversations[stream] = Conversation.Evolve(_conversations.GetValueOrDefault(stream, Conversation.NotStarted), e);
                if (e is ConversationEvent.MessageSent m)
                {
                    var sent = new SentMessage(
                        m.MessageId, m.Sender, fact.Conversation, fact.Revision, m.At, m.Fingerprint);
                    if (!_messages.ContainsKey((m.Sender, m.MessageId)))
                        _messages = _messages.Add((m.Sender, m.MessageId), sent);
                }

                if ((fact.Revision + 1) % snapshotEvery == 0)
                    _conversationSnapshots[stream] = ConversationSnapshot.Of(id, _conversations[stream], fact);
                break;
            case ReceiptEvent e:
                _receipts[stream] = Watermarks.Evolve(_receipts.GetValueOrDefault(stream, Watermarks.None), e);
                if ((fact.Revision + 1) % snapshotEvery == 0)
                    _receiptSnapshots[stream] = ReceiptsSnapshot.Of(id, _receipts[stream], fact);
                break;
        }

        Position = fact.Position;
    }
}
