using System.Security.Cryptography;
using ChatCqrs.Client.Http;
using ChatCqrs.Client.Media;
using ChatCqrs.Client.Realtime;
using ChatCqrs.Client.Sending;
using Microsoft.Extensions.Logging.Abstractions;

namespace ChatCqrs.Client;

/// <summary>
/// A person on this device: signs in, stays connected, and keeps what the server promises up to the caller. Messages
/// are sent once and in order, whatever happens to the connection, the server or this process; entries of a
/// conversation come in order, without a gap. Safe for concurrent use. One client a person and device.
/// </summary>
public sealed partial class ChatClient : IAsyncDisposable
{
    private const string OwnerKey = "owner";

    private readonly Shared _shared;
    private readonly Connection _connection;
    private readonly HttpMessageHandler? _ownHandler;
    private readonly HttpMessageInvoker _invoker;
    private readonly SemaphoreSlim _loading = new(1, 1);
    private IDisposable? _outboxLock;
    private bool _loaded;
    private volatile bool _disposed;

    /// <summary>A client of a server, with everything in memory.</summary>
    public ChatClient(Uri url)
        : this(new ChatClientOptions { Url = url })
    {
    }

    /// <summary>A client.</summary>
    /// <exception cref="ArgumentException">An option is missing or out of its bounds.</exception>
    public ChatClient(ChatClientOptions options)
        : this(options, transport: null, network: null, random: null)
    {
    }

    internal ChatClient(
        ChatClientOptions options, ITransport? transport, INetwork? network, Func<double>? random)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        var url = options.Url!.AbsoluteUri.EndsWith('/') ? options.Url : new Uri(options.Url.AbsoluteUri + "/");
        var logger = options.Logger ?? NullLogger.Instance;
        var storage = options.Storage ?? new MemoryStorage();
        var clock = new Clock(options.TimeProvider);
        random ??= Random.Shared.NextDouble;
        _ownHandler = options.HttpHandler is null
            ? new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5) }
            : null;
        var handler = options.HttpHandler ?? _ownHandler!;
        _invoker = new HttpMessageInvoker(handler, disposeHandler: false);
        var rest = new Rest(url, handler, storage, clock, options.RequestWithin, logger);
        var hub = new EventHub(options.EventsMax, options.TimeProvider);
        var outbox = new Outbox(storage, clock, random, options.OutboxMax)
        {
            Changed = message => hub.Tell(new OutgoingChanged(message, message.Status)),
        };
        _shared = new Shared(
            options, rest, transport ?? new WebSocketTransport(_invoker), storage, outbox, new Positions(),
            new Confirmations(), hub, network ?? new SystemNetwork(), clock, random, logger);
        _connection = new Connection(_shared);
        Inbox = new ChatInbox(rest);
        Uploads = new Uploader(rest, clock, random);
    }

    /// <summary>The connection's state.</summary>
    public ClientState State => _connection.State;

    /// <summary>The signed-in account and device; null before the store was read, and while signed out.</summary>
    public Account? Account => _shared.Rest.Tokens.Account;

    /// <summary>The conversations of the signed-in account.</summary>
    public ChatInbox Inbox { get; }

    /// <summary>
    /// Messages that wait and messages that were refused, in the order of writing. They survive restarts.
    /// </summary>
    public IReadOnlyList<OutgoingMessage> Outbox => _shared.Outbox.All;

    internal Uploader Uploads { get; }

    internal Shared Parts => _shared;

    /// <summary>Whether the store has tokens of this device: then no code is needed.</summary>
    public async ValueTask<bool> IsSignedInAsync(CancellationToken cancellationToken = default)
    {
        await LoadAsync(cancellationToken).ConfigureAwait(false);
        return Account is not null;
    }

    /// <summary>A conversation by its id. Asks nobody whether it exists.</summary>
    public ChatConversation Conversation(Guid conversationId) => new(this, conversationId);

    /// <summary>
    /// Connects, and stays connected until <see cref="CloseAsync"/>: it reconnects for ever, at growing random
    /// intervals of at most 30 s. Returns once everything that was missed has come; messages may be written at any
    /// time.
    /// </summary>
    /// <exception cref="ChatException">The device is not signed in, or is signed out meanwhile.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before that; the client is closed then.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed of.</exception>
    public async Task ConnectAsync(CancellationToken cancellationToken = default)
    {
        if (!await IsSignedInAsync(cancellationToken).ConfigureAwait(false))
            throw ChatException.SignedOut();
        await _connection.ConnectAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Tries to connect at once instead of waiting for the next attempt: call it when the program comes to the
    /// foreground. Costs nothing otherwise.
    /// </summary>
    public void TryNow() => _connection.TryNow();

    /// <summary>
    /// Confirms the entries that were taken, and disconnects. Messages that wait stay in the store.
    /// <see cref="ConnectAsync"/> goes on.
    /// </summary>
    public Task CloseAsync() => _connection.CloseAsync();

    /// <summary>
    /// What happens from now on, for one of any number of readers. An event counts as taken when the loop asks for the
    /// next one: only then is a message confirmed as delivered, and one at which the loop is left comes again. While
    /// nobody reads, entries of conversations are not lost: the next reader gets them.
    /// </summary>
    /// <remarks>
    /// A reader that falls <see cref="ChatClientOptions.EventsMax"/> events behind holds up the socket for up to 10 s.
    /// After that entries are passed over, and fetched from the server once there is room again; hints (typing,
    /// presence, receipts, changes of the outbox) are dropped. Memory stays bounded, and acknowledgements arrive.
    /// </remarks>
    public IAsyncEnumerable<ChatEvent> EventsAsync(CancellationToken cancellationToken = default) =>
        _shared.Hub.ListenAsync(cancellationToken);

    /// <summary>Asks for the presence of people who share a conversation with the caller, on this connection.</summary>
    public Task WatchPresenceAsync(IReadOnlyList<Guid> userIds, CancellationToken cancellationToken = default) =>
        _connection.TrySendAsync(
            new PresenceFrame("subscribe_presence", userIds), WireJson.Default.PresenceFrame, cancellationToken);

    /// <summary>Uploads a file in parts that are resumed after failures, also of minutes.</summary>
    /// <param name="content">Its bytes from the current position on; must be able to seek.</param>
    /// <param name="options">Its kind and name; by default a document.</param>
    /// <param name="progress">Told how many bytes the server has.</param>
    /// <returns>The file's id, to be sent with <see cref="MessageContent.File"/>.</returns>
    /// <exception cref="ChatException">
    /// The server refused the file, or ten attempts in a row got no byte further.
    /// </exception>
    public Task<Guid> UploadAsync(
        Stream content, UploadOptions? options = null, IProgress<long>? progress = null,
        CancellationToken cancellationToken = default) =>
        Uploads.UploadAsync(content, options ?? new UploadOptions(), progress, cancellationToken);

    /// <summary>Disconnects and ends all readers of events.</summary>
    public async ValueTask DisposeAsync()
    {
        _disposed = true;
        _shared.Outbox.Close();
        await _connection.DisposeAsync().ConfigureAwait(false);
        _shared.Hub.End();
        Interlocked.Exchange(ref _outboxLock, null)?.Dispose();
        _shared.Network.Dispose();
        _shared.Rest.Dispose();
        _invoker.Dispose();
        _ownHandler?.Dispose();
    }

    internal async Task<OutgoingMessage> SendAsync(
        Guid conversation, MessageContent content, Guid? replyTo, CancellationToken cancellationToken)
    {
        if (!await IsSignedInAsync(cancellationToken).ConfigureAwait(false))
            throw ChatException.SignedOut();
        return await _shared.Outbox.EnqueueAsync(Account!.UserId, conversation, content, replyTo, cancellationToken)
            .ConfigureAwait(false);
    }

    internal void MarkRead(Guid conversation, long seq)
    {
        if (_shared.Confirmations.Read(conversation, seq))
            _connection.Kick();
    }

    internal Task TypingAsync(Guid conversation, bool active, CancellationToken cancellationToken) =>
        _connection.TrySendAsync(
            new TypingFrame("typing", conversation, active), WireJson.Default.TypingFrame, cancellationToken);

    /// <summary>Reads the store, once.</summary>
    private async ValueTask LoadAsync(CancellationToken cancellationToken)
    {
        if (_loaded)
            return;
        await _loading.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_loaded)
                return;
            if (await _shared.Rest.Tokens.LoadAsync(cancellationToken).ConfigureAwait(false) is { } account)
                await TakeOverAsync(account, cancellationToken).ConfigureAwait(false);
            _loaded = true;
        }
        finally
        {
            _loading.Release();
        }
    }

    /// <summary>Takes over the store's messages if they are this person's; else removes them.</summary>
    private async Task TakeOverAsync(Account account, CancellationToken cancellationToken)
    {
        var owner = await _shared.Storage.ReadAsync(OwnerKey, cancellationToken).ConfigureAwait(false);
        if (owner is not null && owner != account.UserId.ToString())
            await ClearAsync(cancellationToken).ConfigureAwait(false);
        await _shared.Storage.WriteAsync(OwnerKey, account.UserId.ToString(), true, cancellationToken)
            .ConfigureAwait(false);
        await _shared.Positions.LoadAsync(_shared.Storage, cancellationToken).ConfigureAwait(false);

        // Another living client of this store sends its own messages.
        _outboxLock ??= await _shared.Storage.TryLockAsync(Sending.Outbox.LockName, cancellationToken)
            .ConfigureAwait(false);
        if (_disposed)
        {
            Interlocked.Exchange(ref _outboxLock, null)?.Dispose(); // The next client of this store is to get it.
            throw new ObjectDisposedException(nameof(ChatClient));
        }

        if (_outboxLock is not null)
            await _shared.Outbox.LoadAsync(account.UserId, cancellationToken).ConfigureAwait(false);
        _connection.Rest(signedIn: true);
    }

    private async Task ClearAsync(CancellationToken cancellationToken)
    {
        await _shared.Outbox.ClearAsync(cancellationToken).ConfigureAwait(false);
        foreach (var key in await _shared.Storage.KeysAsync(Positions.Prefix, cancellationToken).ConfigureAwait(false))
            await _shared.Storage.WriteAsync(key, null, durable: true, cancellationToken).ConfigureAwait(false);
        _shared.Positions.Clear();
        _shared.Confirmations.Clear();
        _shared.Hub.Clear();
        await _shared.Storage.WriteAsync(LiveSession.IncarnationKey, null, true, cancellationToken)
            .ConfigureAwait(false);
        await _shared.Storage.WriteAsync(OwnerKey, null, true, cancellationToken).ConfigureAwait(false);
    }

    private static byte[] NewCode() => RandomNumberGenerator.GetBytes(32);
}
