using System.Collections.Concurrent;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Retention;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>One node's conversation writer over a log that it may share with others.</summary>
internal sealed class WriterNode : IAsyncDisposable, ILiveDelivery, INodeBus, IHostApplicationLifetime
{
    private static readonly DeviceId Device = new(Guid.CreateVersion7());

    private readonly ConversationWriter _writer;
    private bool _stopped;

    private WriterNode(IEventStore log, Views views, WriterOptions options, TimeProvider clock)
    {
        Store = new WatchedStore(log);
        _writer = new ConversationWriter(
            Store, Codec, views, views, views, this, this, new TracedAppends(), Options.Create(options), Guard,
            clock, this, NullLogger<ConversationWriter>.Instance);
    }

    /// <summary>Judges the node's clock by the real time, whatever the clock of the test does.</summary>
    public ClockGuard Guard { get; } = new(TimeProvider.System);

    /// <summary>The node's codec, which can have a defect.</summary>
    public DefectiveCodec Codec { get; } = new();

    public WatchedStore Store { get; }

    public IConversationWriter Writer => _writer;

    /// <summary>What was handed to sockets, in that order.</summary>
    public ConcurrentQueue<Recorded> Shown { get; } = [];

    public ConcurrentQueue<LiveReceipt> Receipts { get; } = [];

    /// <summary>What was announced to other nodes.</summary>
    public ConcurrentQueue<CommittedEntries> Announced { get; } = [];

    public static async Task<WriterNode> StartAsync(IEventStore log, Views views, WriterOptions? options = null, TimeProvider? clock = null)
    {
        var node = new WriterNode(log, views, options ?? new WriterOptions { Partitions = 1 }, clock ?? TimeProvider.System);
        await node._writer.StartAsync(CancellationToken.None);
        await Testing.Eventually.IsTrue(node.StartedAsync, "the writer has started");
        node.Store.Reads.Clear();
        return node;
    }

    public Task<Sent> SendAsync(UserId sender, UserId receiver, MessageId? id = null, int content = 1) => SendAsync(
        DirectConversation.IdOf(sender, receiver), sender, id ?? NewId(), content, receiver);

    public Task<Sent> SendAsync(
        ConversationId conversation, UserId sender, MessageId id, int content = 1, UserId? startWith = null,
        SealedFor assumption = default, Task<bool>? maySend = null) => _writer.SendAsync(
        conversation,
        new ConversationCommand.SendMessage(
            id, sender, Device, MessageType.Text, new SealedContent(null, BitConverter.GetBytes(content)),
            new Fingerprint((UInt128)content), null, null, startWith),
        new Origin(new Actor(sender, Device), null, null), CancellationToken.None, assumption, maySend);

    public Task<Sent> SendBytesAsync(UserId sender, UserId receiver, int count, MessageId? id = null) => _writer.SendAsync(
        DirectConversation.IdOf(sender, receiver),
        new ConversationCommand.SendMessage(
            id ?? NewId(), sender, Device, MessageType.Text, new SealedContent(null, new byte[count]), new Fingerprint((UInt128)count), null, null, receiver),
        new Origin(new Actor(sender, Device), null, null), CancellationToken.None);

    public Task<Changed> KeepAsync(ConversationId conversation, UserId by, RetentionPolicy policy) => _writer.ChangeAsync(
        conversation, new ConversationCommand.ChangeRetention(by, policy, 30), new Origin(new Actor(by, Device), null, null), CancellationToken.None);

    public Task<Changed> ChangeAsync(ConversationId conversation, UserId by, ConversationCommand command) =>
        _writer.ChangeAsync(
            conversation, command, new Origin(new Actor(by, Device), null, null), CancellationToken.None);

    public Task<LogPosition> DeliverAsync(ConversationId conversation, UserId user, long seq, DeviceId? device = null) =>
        AcknowledgeAsync(conversation, new ReceiptCommand.Deliver(user, device ?? Device, seq));

    public Task<LogPosition> ReadAsync(ConversationId conversation, UserId user, long seq) => AcknowledgeAsync(conversation, new ReceiptCommand.Read(user, Device, seq));

    public Task<Changed> StartConversationAsync(UserId by, UserId with) => _writer.ChangeAsync(
        DirectConversation.IdOf(by, with), new ConversationCommand.StartDirect(by, with), new Origin(new Actor(by, Device), null, null), CancellationToken.None);

    /// <summary>Tells the writer what another node announced, and waits until it has done with it.</summary>
    public async Task NoticeAsync(CommittedEntries news)
    {
        _writer.Notice(news.Conversation, news.FirstSeq, news.LastSeq, isWatched: true);
        await _writer.PeekAsync(news.Conversation, CancellationToken.None);
    }

    /// <summary>While true, handing anything to sockets fails, which it never may.</summary>
    public bool IsBroken { get; set; }

    /// <summary>Whether the writer has asked for the node's end.</summary>
    public bool HasGivenUp { get; private set; }

    CancellationToken IHostApplicationLifetime.ApplicationStarted => CancellationToken.None;

    CancellationToken IHostApplicationLifetime.ApplicationStopping => CancellationToken.None;

    CancellationToken IHostApplicationLifetime.ApplicationStopped => CancellationToken.None;

    void IHostApplicationLifetime.StopApplication() => HasGivenUp = true;

    public void Publish(IReadOnlyList<LiveEntry> entries, IReadOnlyCollection<UserId> members)
    {
        if (IsBroken)
            throw new InvalidOperationException("Broken, as the test wished.");
        foreach (var entry in entries)
            Shown.Enqueue(entry.Entry);
    }

    public void Publish(LiveReceipt receipt) => Receipts.Enqueue(receipt);

    public void Announce(CommittedEntries entries) => Announced.Enqueue(entries);

    public void Announce(LiveReceipt receipt)
    {
    }

    public void Announce(LiveTyping typing)
    {
    }

    public static MessageId NewId() => new(Guid.CreateVersion7());

    public async ValueTask DisposeAsync()
    {
        if (_stopped)
            return;
        _stopped = true;
        await _writer.StopAsync(Testing.Eventually.Cancelled());
        _writer.Dispose();
    }

    private Task<LogPosition> AcknowledgeAsync(ConversationId conversation, ReceiptCommand command) =>
        _writer.AcknowledgeAsync(conversation, command, new Origin(new Actor(command.User, Device), null, null), CancellationToken.None);

    private async Task<bool> StartedAsync()
    {
        try
        {
            await _writer.PeekAsync(new ConversationId(Guid.NewGuid()), CancellationToken.None);
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }
}
