using System.Globalization;
using System.Text.Json;
using ChatCqrs.Client.Http;
using ChatCqrs.Client.Realtime;

namespace ChatCqrs.Client.Sending;

/// <summary>
/// Messages that the server does not have yet: a queue for each conversation, one message of it on its way at a time,
/// so that none overtakes another. A message stays until it is acknowledged, refused for good, or cancelled.
/// </summary>
internal sealed class Outbox
{
    internal const string Prefix = "outbox/", LockName = "outbox";

    /// <summary>The server's bound of one frame, in bytes.</summary>
    private const int FrameMax = 512 * 1024;

    /// <summary>The most conversations with a message on its way; the server's bound is higher.</summary>
    private const int InFlightMax = 16;

    /// <summary>The most bytes of all waiting frames.</summary>
    private const long BytesMax = 64 * 1024 * 1024;

    private const int Unauthorized = 401;

    /// <summary>How long an answer may take on a living connection before the message is sent again.</summary>
    private static readonly TimeSpan AckWithin = TimeSpan.FromSeconds(20);

    private readonly object _gate = new();
    private readonly SemaphoreSlim _writing = new(1, 1); // Keeps the order of ids, keys and queues the same.
    private readonly Dictionary<Guid, LinkedList<Entry>> _queues = [];
    private readonly Dictionary<Guid, Entry> _entries = [];
    private readonly IChatStorage _storage;
    private readonly Clock _clock;
    private readonly Func<double> _random;
    private readonly int _most;
    private readonly MessageIds _ids;
    private readonly string _process = Guid.NewGuid().ToString("n")[..8];
    private long _bytes;
    private long _order;
    private bool _closed;

    public Outbox(IChatStorage storage, Clock clock, Func<double> random, int most)
    {
        (_storage, _clock, _random, _most) = (storage, clock, random, most);
        _ids = new MessageIds(clock.Time);
    }

    /// <summary>Called when a message can be sent that could not before.</summary>
    public Action? Kick { get; set; }

    /// <summary>Called whenever a message's state has changed.</summary>
    public Action<OutgoingMessage>? Changed { get; set; }

    /// <summary>Waiting and parked messages, in the order of writing.</summary>
    public IReadOnlyList<OutgoingMessage> All
    {
        get
        {
            lock (_gate)
                return [.. _entries.Values.OrderBy(entry => entry.Key, StringComparer.Ordinal)
                    .Select(entry => entry.Message)];
        }
    }

    /// <summary>When something is to be sent, or given up and sent again; null for nothing.</summary>
    public TimeSpan? DueAt
    {
        get
        {
            lock (_gate)
            {
                var free = _queues.Values.Count(IsInFlight) < InFlightMax;
                return _queues.Values.Select(queue => queue.First!.Value)
                    .Where(head => free || head.InFlight)
                    .Select(head => (TimeSpan?)(head.InFlight ? head.AnswerBy : head.NotBefore)).Min();
            }
        }
    }

    /// <summary>Takes over what an earlier process left, in its order.</summary>
    public async Task LoadAsync(Guid user, CancellationToken cancellationToken)
    {
        foreach (var key in await _storage.KeysAsync(Prefix, cancellationToken).ConfigureAwait(false))
        {
            var text = await _storage.ReadAsync(key, cancellationToken).ConfigureAwait(false);
            if (text is null || JsonSerializer.Deserialize(text, WireJson.Default.StoredMessage) is not { } stored
                || stored.UserId != user)
                continue;
            lock (_gate)
            {
                if (_entries.ContainsKey(stored.Frame.MessageId))
                    continue;
                var entry = EntryOf(stored, key);
                entry.WasSent = !_queues.ContainsKey(stored.Frame.ConversationId); // Only the first can have been.
                _order = Math.Max(_order, OrderOf(key)); // However the machine's clock was set meanwhile.
                if (stored.ParkedCode is { } code)
                    Park(entry, new ChatException(code, stored.ParkedDetail ?? "Refused."));
                else
                    Queue(entry);
                Add(entry);
            }
        }
    }

    /// <summary>Writes a message into the store and its conversation's queue.</summary>
    /// <exception cref="ChatException">The outbox is full or closed, or the message too large.</exception>
    public async Task<OutgoingMessage> EnqueueAsync(
        Guid user, Guid conversation, MessageContent content, Guid? replyTo, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await EnqueueAsync(
                new StoredMessage(user, FrameOf(_ids.Next(), conversation, content, replyTo)), cancellationToken)
                .ConfigureAwait(false);
        }
        finally
        {
            _writing.Release();
        }
    }

    public async Task<bool> CancelAsync(OutgoingMessage message, CancellationToken cancellationToken)
    {
        Entry? entry;
        lock (_gate)
        {
            if (!_entries.TryGetValue(message.Id, out entry) || entry.Message != message
                || (entry.WasSent && message.Status != OutgoingStatus.Parked))
                return false;
            Remove(entry);
            message.Status = OutgoingStatus.Cancelled;
        }

        message.EndCancelled();
        try
        {
            // Not to be cancelled: it would be sent after the next start.
            await _storage.WriteAsync(entry.Key, null, durable: true, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            Tell(message);
        }

        return true;
    }

    public async Task<OutgoingMessage> RetryAsync(OutgoingMessage message, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            Entry? entry;
            lock (_gate)
            {
                if (!_entries.TryGetValue(message.Id, out entry) || message.Status != OutgoingStatus.Parked)
                    throw new InvalidOperationException("Only parked messages can be sent again.");
                Remove(entry);
            }

            OutgoingMessage again;
            try
            {
                again = await EnqueueAsync(
                    entry.Stored with { ParkedCode = null, ParkedDetail = null }, cancellationToken)
                    .ConfigureAwait(false);
            }
            catch
            {
                lock (_gate)
                    Add(entry); // Parked as before.
                throw;
            }

            // Not to be cancelled: after the next start it would be parked once more.
            await _storage.WriteAsync(entry.Key, null, durable: true, CancellationToken.None).ConfigureAwait(false);
            return again;
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>The frames to send now. Each counts as sent.</summary>
    public IReadOnlyList<(OutgoingMessage Message, ReadOnlyMemory<byte> Frame)> TakeDue()
    {
        var due = new List<Entry>();
        lock (_gate)
        {
            var now = _clock.Now;
            var flying = _queues.Values.Count(IsInFlight);
            foreach (var head in _queues.Values.Select(queue => queue.First!.Value))
            {
                if (head.InFlight && head.AnswerBy <= now)
                    (head.InFlight, flying) = (false, flying - 1);
                if (head.InFlight || head.NotBefore > now || flying >= InFlightMax)
                    continue;
                (head.InFlight, head.WasSent, head.AnswerBy, flying) = (true, true, now + AckWithin, flying + 1);
                head.Message.Status = OutgoingStatus.Sending;
                due.Add(head);
            }
        }

        foreach (var entry in due)
            Tell(entry.Message);
        return [.. due.Select(entry => (entry.Message, (ReadOnlyMemory<byte>)entry.Bytes))];
    }

    /// <summary>
    /// The server has a message. Completes <see cref="OutgoingMessage.Acked"/> once; later answers are ignored.
    /// </summary>
    /// <returns>The message; null for one that does not wait here.</returns>
    public async ValueTask<OutgoingMessage?> AckedAsync(Guid id, Acknowledgement acknowledgement)
    {
        Entry? entry;
        lock (_gate)
        {
            if (!_entries.TryGetValue(id, out entry))
                return null;
            Remove(entry);
            entry.Message.Status = OutgoingStatus.Sent;
        }

        try
        {
            // Not to be cancelled with the connection: no later answer completes it.
            await _storage.WriteAsync(entry.Key, null, durable: false, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            entry.Message.End(acknowledgement);
            Tell(entry.Message);
            Kick?.Invoke();
        }

        return entry.Message;
    }

    /// <summary>The server refused a message: for now, or for good.</summary>
    /// <returns>False for one that does not wait here.</returns>
    public async ValueTask<bool> RefusedAsync(Guid id, ChatException refusal)
    {
        Entry? entry;
        StoredMessage? parked = null;
        lock (_gate)
        {
            if (!_entries.TryGetValue(id, out entry) || entry.Message.Status == OutgoingStatus.Parked)
                return false;
            entry.Message.Error = refusal;
            if (refusal.Retryable || refusal.Status == Unauthorized)
            {
                (entry.InFlight, entry.Message.Status) = (false, OutgoingStatus.Queued);
                entry.NotBefore = _clock.Now + Reconnecting.Jitter(entry.Attempts++, _random);
            }
            else
            {
                Unqueue(entry);
                Park(entry, refusal);
                entry.Stored = parked = entry.Stored with { ParkedCode = refusal.Code, ParkedDetail = refusal.Detail };
            }
        }

        try
        {
            if (parked is not null)
                await _storage.WriteAsync(
                    entry.Key, JsonSerializer.Serialize(parked, WireJson.Default.StoredMessage), durable: true,
                    CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            Tell(entry.Message);
            Kick?.Invoke();
        }

        return true;
    }

    /// <summary>The connection is gone, and the answers with it: the next one sends again.</summary>
    public void Disconnected()
    {
        var back = new List<OutgoingMessage>();
        lock (_gate)
        {
            foreach (var head in _queues.Values.Select(queue => queue.First!.Value).Where(head => head.InFlight))
            {
                (head.InFlight, head.Message.Status) = (false, OutgoingStatus.Queued);
                back.Add(head.Message);
            }
        }

        back.ForEach(Tell);
    }

    /// <summary>No message is taken any more. What waits stays in the store.</summary>
    public void Close()
    {
        lock (_gate)
            _closed = true;
    }

    /// <summary>Forgets everything, here and in the store.</summary>
    public async Task ClearAsync(CancellationToken cancellationToken)
    {
        List<OutgoingMessage> gone;
        lock (_gate)
        {
            gone = [.. _entries.Values.Select(entry => entry.Message)];
            _entries.Clear();
            _queues.Clear();
            _bytes = 0;
        }

        foreach (var message in gone)
        {
            message.Status = OutgoingStatus.Cancelled;
            message.EndCancelled();
        }

        foreach (var key in await _storage.KeysAsync(Prefix, cancellationToken).ConfigureAwait(false))
            await _storage.WriteAsync(key, null, durable: true, cancellationToken).ConfigureAwait(false);
    }

    private async Task<OutgoingMessage> EnqueueAsync(StoredMessage stored, CancellationToken cancellationToken)
    {
        var entry = EntryOf(stored, NextKey());
        if (entry.Bytes.Length > FrameMax)
            throw new ChatException(ErrorCode.FrameTooLarge, $"A message may have at most {FrameMax} bytes of JSON.");
        lock (_gate)
        {
            if (_closed)
                throw new ChatException(ErrorCode.Closed, "The client was closed.");
            if (_entries.Count >= _most || _bytes + entry.Bytes.Length > BytesMax)
                throw new ChatException(ErrorCode.OutboxFull, "Too much waits to be sent.");
        }

        await _storage.WriteAsync(
            entry.Key, JsonSerializer.Serialize(stored, WireJson.Default.StoredMessage), durable: true,
            cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            Add(entry);
            Queue(entry);
        }

        Tell(entry.Message);
        Kick?.Invoke();
        return entry.Message;
    }

    private void Tell(OutgoingMessage message) => Changed?.Invoke(message);

    /// <summary>Keys sort by the order of writing: by time, then by a count. Their end keeps processes apart.</summary>
    private string NextKey()
    {
        lock (_gate)
            _order = Math.Max(_order + 1, _clock.Time.GetUtcNow().ToUnixTimeMilliseconds() << 10);
        return Prefix + _order.ToString("d19", CultureInfo.InvariantCulture) + "-" + _process;
    }

    private static long OrderOf(string key) =>
        long.TryParse(key[Prefix.Length..].Split('-')[0], CultureInfo.InvariantCulture, out var order)
            ? order
            : 0;

    private Entry EntryOf(StoredMessage stored, string key)
    {
        var frame = stored.Frame;
        var content = new MessageContent
        {
            Type = frame.Type,
            Text = frame.Text,
            MediaObject = frame.MediaObject,
            Document = frame.Document,
            Ciphertext = frame.Ciphertext,
            FileIds = frame.FileIds,
        };
        var message = new OutgoingMessage(this, frame.MessageId, frame.ConversationId, content, frame.ReplyTo);
        var bytes = JsonSerializer.SerializeToUtf8Bytes(frame, WireJson.Default.SendFrame);
        return new Entry(message, key, bytes, stored);
    }

    private static SendFrame FrameOf(Guid id, Guid conversation, MessageContent content, Guid? replyTo) => new()
    {
        MessageId = id,
        ConversationId = conversation,
        Type = content.Type,
        Text = content.Text,
        MediaObject = content.MediaObject,
        Document = content.Document,
        ReplyTo = replyTo,
        Ciphertext = content.Ciphertext,
        FileIds = content.FileIds,
    };

    private static bool IsInFlight(LinkedList<Entry> queue) => queue.First!.Value.InFlight;

    private static void Park(Entry entry, ChatException refusal)
    {
        (entry.Message.Status, entry.Message.Error, entry.InFlight) = (OutgoingStatus.Parked, refusal, false);
        entry.Message.End(refusal);
    }

    private void Queue(Entry entry)
    {
        if (!_queues.TryGetValue(entry.Message.ConversationId, out var queue))
            _queues[entry.Message.ConversationId] = queue = new LinkedList<Entry>();
        queue.AddLast(entry);
    }

    private void Unqueue(Entry entry)
    {
        if (!_queues.TryGetValue(entry.Message.ConversationId, out var queue))
            return;
        queue.Remove(entry);
        if (queue.Count == 0)
            _queues.Remove(entry.Message.ConversationId);
    }

    private void Add(Entry entry)
    {
        _entries[entry.Message.Id] = entry;
        _bytes += entry.Bytes.Length;
    }

    private void Remove(Entry entry)
    {
        Unqueue(entry);
        _entries.Remove(entry.Message.Id);
        _bytes -= entry.Bytes.Length;
    }

    private sealed class Entry(OutgoingMessage message, string key, byte[] bytes, StoredMessage stored)
    {
        public OutgoingMessage Message { get; } = message;

        public string Key { get; } = key;

        public byte[] Bytes { get; } = bytes;

        public StoredMessage Stored { get; set; } = stored;

        public int Attempts { get; set; }

        /// <summary>Whether the server may have it.</summary>
        public bool WasSent { get; set; }

        public bool InFlight { get; set; }

        public TimeSpan NotBefore { get; set; }

        public TimeSpan AnswerBy { get; set; }
    }
}
