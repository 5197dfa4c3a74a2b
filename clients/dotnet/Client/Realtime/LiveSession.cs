using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ChatCqrs.Client.Http;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Client.Realtime;

/// <summary>How a session ended.</summary>
/// <param name="CloseCode">The server's; null where the connection broke, or was given up.</param>
internal readonly record struct SessionEnd(int? CloseCode, ChatException? Reason = null);

/// <summary>
/// One socket, from its opening to its end: a reader that takes the server's frames in their order, and a pump that
/// sends what is due: signs of life, confirmations, questions for what is missing, tokens, messages.
/// </summary>
internal sealed partial class LiveSession : IDisposable
{
    /// <summary>The most confirmations of one turn.</summary>
    private const int ConfirmMost = 200;

    /// <summary>Confirmations of this time are merged.</summary>
    private static readonly TimeSpan ConfirmEvery = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a receipt waits that was refused for now.</summary>
    private static readonly TimeSpan ConfirmAgainAfter = TimeSpan.FromSeconds(2);

    /// <summary>How often positions are written to the store.</summary>
    private static readonly TimeSpan SaveEvery = TimeSpan.FromSeconds(1);

    /// <summary>How long a goodbye may take.</summary>
    private static readonly TimeSpan GoodbyeWithin = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Never = TimeSpan.FromHours(1);

    private readonly Shared _shared;
    private readonly ISocket _socket;
    private readonly Action<ClientStatus> _became;
    private readonly Signal _signal;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly object _gate = new();
    private readonly Heartbeat _heartbeat;
    private readonly TimeSpan _welcomeBy;
    private string _token;
    private bool _listening = true;
    private volatile bool _welcomed;
    private TimeSpan _confirmNotBefore;
    private TimeSpan _saveNotBefore;
    private int _pings;
    private volatile int _readsArrivedWith; // The number of the ping after the last reads.

    /// <param name="token">The access token that the socket was opened with.</param>
    /// <param name="signal">Set whenever something became due from outside.</param>
    /// <param name="became">Called when it catches up, and when it is live.</param>
    public LiveSession(Shared shared, ISocket socket, string token, Signal signal, Action<ClientStatus> became)
    {
        (_shared, _socket, _token, _signal, _became) = (shared, socket, token, signal, became);
        _heartbeat = new Heartbeat(shared.Options.PingEvery, shared.Options.PongWithin, shared.Clock.Now);
        _welcomeBy = shared.Clock.Now + shared.Options.PongWithin;
    }

    private TimeSpan Now => _shared.Clock.Now;

    /// <summary>Runs until the socket ends, or hangs.</summary>
    /// <param name="stop">Ends it with a goodbye.</param>
    public async Task<SessionEnd> RunAsync(CancellationToken stop)
    {
        using var ended = new CancellationTokenSource();
        var reading = ReadAsync(ended.Token);
        var pumping = PumpAsync(ended.Token);
        try
        {
            var first = await Task.WhenAny(reading, pumping).WaitAsync(stop).ConfigureAwait(false);
            return await first.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await GoodbyeAsync(pumping, ended).ConfigureAwait(false);
            throw;
        }
        catch (Exception failed) when (ChatException.IsNetwork(failed))
        {
            return new SessionEnd(null, ChatException.Network(failed));
        }
        catch (Exception broken) when (broken is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return new SessionEnd(
                null, new ChatException(ErrorCode.BadAnswer, "The server sent a frame that is none.", inner: broken));
        }
        finally
        {
            await ended.CancelAsync().ConfigureAwait(false);
            _socket.Dispose();
            await Task.WhenAll(reading, pumping, _authenticating)
                .ContinueWith(all => all.Exception, TaskScheduler.Default).ConfigureAwait(false);
            await _shared.Positions.SaveAsync(_shared.Storage, CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Sends a frame if the session got that far and lasts that long, else nothing. Cannot be cancelled: a socket does
    /// not survive a cancelled write.
    /// </summary>
    public async Task TrySendAsync<T>(T frame, JsonTypeInfo<T> type)
    {
        if (!_welcomed)
            return;
        try
        {
            await SendAsync(JsonSerializer.SerializeToUtf8Bytes(frame, type), CancellationToken.None)
                .ConfigureAwait(false);
        }
        catch (Exception gone) when (ChatException.IsNetwork(gone) || gone is ObjectDisposedException)
        {
            _shared.Logger.LogDebug("A frame is lost: {Reason}", gone.Message);
        }
    }

    /// <summary>Leaves the semaphore: hints that still wait for it would wait for ever.</summary>
    public void Dispose() => _socket.Dispose();

    private async Task<SessionEnd> PumpAsync(CancellationToken cancellationToken)
    {
        using var timer = _shared.Clock.Time.CreateTimer(
            _ => _signal.Set(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        while (true)
        {
            var now = Now;
            switch (Check(now))
            {
                case Pulse.Dead:
                    return Silent();
                case Pulse.Ping:
                    await PingAsync(cancellationToken).ConfigureAwait(false);
                    break;
            }

            if (_welcomed)
            {
                await ConfirmAsync(now, cancellationToken).ConfigureAwait(false);
                await SyncAsync(now, cancellationToken).ConfigureAwait(false);
                Authenticate(now, cancellationToken);
                foreach (var (_, frame) in _shared.Outbox.TakeDue())
                    await SendAsync(frame, cancellationToken).ConfigureAwait(false);
            }
            else if (now >= _welcomeBy)
            {
                return Silent();
            }

            await SaveAsync(now, cancellationToken).ConfigureAwait(false);
            var wait = DueAt() - Now;
            if (wait <= TimeSpan.Zero)
                continue;
            timer.Change(wait < Never ? wait : Never, Timeout.InfiniteTimeSpan);
            await _signal.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static SessionEnd Silent() => new(null, ChatException.Network(
        new TimeoutException("The server has gone silent.")));

    private Pulse Check(TimeSpan now)
    {
        lock (_gate)
            return _heartbeat.Check(now, _listening);
    }

    private TimeSpan DueAt()
    {
        TimeSpan due, confirm;
        lock (_gate)
            (due, confirm) = (_heartbeat.DueAt, _confirmNotBefore);
        if (!_welcomed)
            return Min(due, _welcomeBy);
        if (_shared.Confirmations.Any)
            due = Min(due, confirm);
        if (_shared.Outbox.DueAt is { } message)
            due = Min(due, message);
        if (_saveNotBefore > TimeSpan.Zero)
            due = Min(due, _saveNotBefore);
        return Min(due, Min(AuthenticateAt, SyncAt));
    }

    private Task PingAsync(CancellationToken cancellationToken) => SendAsync(
        JsonSerializer.SerializeToUtf8Bytes(
            new PingFrame("ping", $"ping-{++_pings}"), WireJson.Default.PingFrame),
        cancellationToken);

    private async Task ConfirmAsync(TimeSpan now, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (now < _confirmNotBefore || !_shared.Confirmations.Any)
                return;
            _confirmNotBefore = now + ConfirmEvery;
        }

        if (_saveNotBefore == TimeSpan.Zero)
            _saveNotBefore = now + SaveEvery;
        var (delivered, read) = _shared.Confirmations.Take(ConfirmMost);
        foreach (var receipt in delivered.Concat(read))
            await SendAsync(receipt, cancellationToken).ConfigureAwait(false);
        if (read.Count == 0)
            return;
        _readsArrivedWith = _pings + 1;
        await PingAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task SaveAsync(TimeSpan now, CancellationToken cancellationToken)
    {
        if (_saveNotBefore == TimeSpan.Zero || now < _saveNotBefore)
            return;
        _saveNotBefore = TimeSpan.Zero;
        await _shared.Positions.SaveAsync(_shared.Storage, cancellationToken).ConfigureAwait(false);
    }

    private Task SendAsync(Confirmation receipt, CancellationToken cancellationToken) => SendAsync(
        JsonSerializer.SerializeToUtf8Bytes(
            new SeqFrame(receipt.Op, receipt.Reference, receipt.Conversation, receipt.Seq), WireJson.Default.SeqFrame),
        cancellationToken);

    /// <summary>A receipt was refused: for now, or for good.</summary>
    /// <returns>False when the reference is to something else.</returns>
    private bool ReceiptRefused(string reference, ChatException refusal)
    {
        if (Confirmation.Parse(reference) is not { } receipt)
            return false;
        var again = refusal.Retryable || refusal.Status == Reconnecting.Unauthorized;
        lock (_gate)
        {
            _shared.Confirmations.Refused(receipt, again);
            if (again && Now + ConfirmAgainAfter > _confirmNotBefore)
                _confirmNotBefore = Now + ConfirmAgainAfter;
        }

        _signal.Set();
        return true;
    }

    /// <summary>A server that takes no bytes hangs as well.</summary>
    private async Task SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _socket.SendAsync(frame, cancellationToken)
                .WaitAsync(_shared.Options.PongWithin, _shared.Clock.Time, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Confirms what was taken, and closes the socket; within <see cref="GoodbyeWithin"/>.</summary>
    private async Task GoodbyeAsync(Task pumping, CancellationTokenSource ended)
    {
        using var deadline = new CancellationTokenSource(GoodbyeWithin, _shared.Clock.Time);
        try
        {
            if (_welcomed && !pumping.IsCompleted)
                await ConfirmAsync(_confirmNotBefore, deadline.Token).ConfigureAwait(false);
            await _socket.CloseAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (Exception gone) when (ChatException.IsNetwork(gone) || gone is OperationCanceledException)
        {
            _shared.Logger.LogDebug("The goodbye did not arrive: {Reason}", gone.Message);
        }

        await ended.CancelAsync().ConfigureAwait(false);
    }

    private static TimeSpan Min(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
