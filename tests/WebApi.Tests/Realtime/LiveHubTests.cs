using System.Net.WebSockets;
using System.Text;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Retention;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Projections.Receipts;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Realtime;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Tests.Realtime;

public sealed class LiveHubTests : IContentSealer, IReceipts, IDirectory, IAsyncDisposable
{
    private static readonly ConversationId Theirs = DirectConversation.IdOf(
        new UserId(Guid.CreateVersion7()), new UserId(Guid.CreateVersion7()));

    private readonly ClientWebSocket _socket = new();
    private readonly List<Connection> _missing = [];
    private readonly OpenSockets _sockets = new();
    private readonly HeardEntries _heard = new();
    private readonly LiveHub _hub;
    private Exception? _failure;

    public LiveHubTests()
    {
        var updates = new UpdateViews(
            this, new GroupTitles(this), new MessageLifetimes(Options.Create(new RetentionOptions())));
        var frames = new FrameWriter(this, new MessageViews(this, this, new ErasedUsers(this)), updates);
        _hub = new LiveHub(_sockets, frames, _heard, NullLogger<LiveHub>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.StopAsync(CancellationToken.None);
        _socket.Dispose();
    }

    [Theory]
    [InlineData(typeof(StoreUnavailableException))]
    [InlineData(typeof(InvalidOperationException))]
    public async Task The_sender_gets_the_ack_although_the_message_cannot_be_opened_now(Type failure)
    {
        await _hub.StartAsync(CancellationToken.None);
        var (receiving, sending) = (new MemoryStream(), new MemoryStream());
        var (receiver, sender) = (Connected(receiving), Connected(sending));
        _failure = failure == typeof(StoreUnavailableException)
            ? new StoreUnavailableException("away")
            : new InvalidOperationException("broken");

        _hub.Publish([Sent(sender, 1)], [receiver.User, sender.User]);

        await GetsAsync(sender, sending, "ack");
        Assert.Equal([receiver], _missing); // It fetches the entry, and holds what follows.
        _failure = null;
        _hub.Publish([Sent(sender, 2)], [receiver.User, sender.User]);
        await GetsAsync(sender, sending, "ack ack");
        Assert.Equal("", await OpsAsync(receiver, receiving));
    }

    [Fact]
    public async Task The_sender_of_a_message_dropped_by_a_full_lane_gets_the_ack_in_its_place()
    {
        var (wire, filler) = (new MemoryStream(), new MemoryStream());
        var (sender, other) = (Connected(wire), Connected(filler));
        for (var n = 0; n < Lane.Max; n++)
            _hub.Publish([Sent(other, 1)], [other.User]); // They stay in the lane: the hub has not started.

        _hub.Publish([Sent(sender, 2)], [sender.User, other.User]);

        Assert.Equal([sender], _missing);
        Assert.Equal((0, 2), (sender.NextMissing(default)!.Value.After, sender.NextMissing(default)!.Value.UpTo));
        sender.Fill(Theirs, 1, FrameWriter.Synced);
        sender.Fill(Theirs, 2, FrameWriter.Synced);
        Assert.Equal("synced ack", await OpsAsync(sender, wire));
    }

    [Fact]
    public void Members_fetch_what_a_full_lane_dropped()
    {
        var (sender, other) = (Connected(new MemoryStream()), Connected(new MemoryStream()));
        for (var n = 0; n < Lane.Max; n++)
            _hub.Publish([Sent(other, 1)], [other.User]); // They stay in the lane: the hub has not started.
        _hub.Publish([Sent(sender, 2)], [sender.User, other.User]);

        Assert.Equal(1, _hub.FetchLost());

        Assert.Equal([sender, other], _missing);
        Assert.Equal(2, other.NextMissing(default)!.Value.UpTo);
        Assert.Equal(0, _hub.FetchLost());
    }

    [Fact]
    public void A_lane_bounds_the_bytes_of_content()
    {
        var sender = Connected(new MemoryStream());
        var megabyte = new byte[1024 * 1024];
        for (var size = megabyte.Length; size <= Lane.BytesMax; size += megabyte.Length)
            _hub.Publish([Sent(sender, 1, megabyte)], [sender.User]);
        Assert.Empty(_missing);

        _hub.Publish([Sent(sender, 2, megabyte)], [sender.User]);

        Assert.Equal([sender], _missing);
    }

    [Fact]
    public async Task A_message_is_written_once_for_all_recipients()
    {
        await _hub.StartAsync(CancellationToken.None);
        var (one, other, sending) = (new MemoryStream(), new MemoryStream(), new MemoryStream());
        var (first, second, sender) = (Connected(one), Connected(other), Connected(sending));

        _hub.Publish([Sent(sender, 1)], [first.User, second.User, sender.User]);

        await GetsAsync(sender, sending, "ack");
        Assert.Equal(("message", "message"), (await OpsAsync(first, one), await OpsAsync(second, other)));
        Assert.Equal(1, _opened);
    }

    [Fact]
    public async Task The_keys_of_all_waiting_entries_are_fetched_in_one_query()
    {
        const int count = 100;
        var (wire, other) = (new MemoryStream(), new MemoryStream());
        var (receiver, sender) = (Connected(wire), Connected(other));
        var entries = Enumerable.Range(1, count).Select(seq => Sent(sender, seq)).ToList();
        foreach (var entry in entries)
            _hub.Publish([entry], [receiver.User, sender.User]); // They wait: the hub has not started.
        _hub.Publish([entries[0] with { IsGone = true }], [receiver.User]);

        await _hub.StartAsync(CancellationToken.None);

        await GetsAsync(receiver, wire, string.Join(' ', Enumerable.Repeat("message", count)));
        Assert.Equal(
            entries.Select(entry => ((ConversationEvent.MessageSent)entry.Entry.Event).MessageId),
            Assert.Single(_prepared).Scopes.Select(scope => scope.Message!.Value));
        Assert.Equal((0, count), (_prepared[0].Opened, _opened));
    }

    [Fact]
    public async Task Entries_are_tried_one_by_one_where_their_keys_cannot_be_fetched_together()
    {
        var (wire, other) = (new MemoryStream(), new MemoryStream());
        var (receiver, sender) = (Connected(wire), Connected(other));
        _failure = new StoreUnavailableException("away");
        _hub.Publish([Sent(sender, 1), Sent(sender, 2)], [receiver.User, sender.User]);

        await _hub.StartAsync(CancellationToken.None);

        await GetsAsync(sender, other, "ack ack");
        Assert.Equal((1, 2), (_prepared.Count, _opened));
        Assert.Contains(receiver, _missing);
    }

    ValueTask<ReadOnlyMemory<byte>?> IContentSealer.OpenAsync(
        SealScope scope, SealedContent content, CancellationToken cancellationToken)
    {
        _opened++;
        return _failure is null ? new("""{"text":"hello"}"""u8.ToArray()) : throw _failure;
    }

    ValueTask<SealedContent> IContentSealer.SealAsync(
        SealScope scope, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    ValueTask IContentSealer.PrepareAsync(
        IEnumerable<(SealScope Scope, SealedContent Content)> contents, CancellationToken cancellationToken)
    {
        _prepared.Add((contents.Select(item => item.Scope).ToList(), _opened));
        return _failure is null ? ValueTask.CompletedTask : throw _failure;
    }

    Task<int> IContentSealer.ShredEndedAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    ValueTask<Fingerprint> IContentSealer.FingerprintAsync(
        UserId owner, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    Task IContentSealer.ShredAsync(UserId owner, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    Task<IReadOnlyDictionary<UserId, SealedContent>> IDirectory.ProfilesAsync(
        IReadOnlyCollection<UserId> users, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    Task<IReadOnlyDictionary<UserId, DateTimeOffset>> IDirectory.ErasedAsync(
        IReadOnlyCollection<UserId> users, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    Task<ILookup<ConversationId, MemberReceipts>> IReceipts.OfAsync(
        IReadOnlyCollection<ConversationId> conversations,
        CancellationToken cancellationToken) => throw new NotSupportedException();

    Task<IReadOnlyList<ReceiptMark>> IReceipts.MarksAsync(
        ConversationId conversation, UserId user, ReceiptMark? after, int limit,
        CancellationToken cancellationToken) => throw new NotSupportedException();

    Task<IReadOnlyList<RecipientReceipt>> IReceipts.TimesAsync(
        ConversationId conversation, long seq, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    private readonly List<(List<SealScope> Scopes, int Opened)> _prepared = [];
    private int _opened;

    /// <summary>A connection that has all entries up to seq 0.</summary>
    private Connection Connected(MemoryStream wire)
    {
        var connection = new Connection(
            new UserId(Guid.CreateVersion7()), new DeviceId(Guid.CreateVersion7()), DateTimeOffset.MaxValue, _socket,
            new Outbound(wire, TimeProvider.System), new Inbound(TimeProvider.System))
        {
            OnCatchUpNeeded = _missing.Add,
        };
        connection.Begin([(Theirs, 0, 0, 0)]);
        connection.NextMissing(ReadOnlyMemory<byte>.Empty);
        _sockets.Add(connection);
        return connection;
    }

    private static LiveEntry Sent(Connection by, long seq, byte[]? bytes = null)
    {
        var at = DateTimeOffset.UnixEpoch;
        var content = new SealedContent(null, bytes ?? new byte[1]);
        var sent = new ConversationEvent.MessageSent(
            new MessageId(Guid.CreateVersion7()), by.User, by.Device, MessageType.Text, content, default, null, null)
        {
            At = at,
        };
        return new LiveEntry(
            new Recorded(
                sent, StreamName.Of(Theirs), seq, new LogPosition((ulong)seq), Guid.CreateVersion7(), at,
                new Actor(by.User, by.Device), new byte[32]),
            by.Session);
    }

    private static Task GetsAsync(Connection connection, MemoryStream wire, string ops) =>
        Eventually.IsTrue(async () => await OpsAsync(connection, wire) == ops, $"the socket gets {ops}");

    private static async Task<string> OpsAsync(Connection connection, MemoryStream wire)
    {
        await connection.Outbound.DrainedAsync();
        var text = Encoding.UTF8.GetString(wire.ToArray());
        return string.Join(' ', System.Text.RegularExpressions.Regex.Matches(text, "\"op\":\"([a-z]+)\"").Select(
            match => match.Groups[1].Value));
    }
}
