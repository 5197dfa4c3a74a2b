using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Client.Realtime;

/// <summary>
/// Keeps a client connected from <see cref="ConnectAsync"/> to <see cref="CloseAsync"/>, whatever happens.
/// </summary>
internal sealed class Connection : IAsyncDisposable
{
    /// <summary>How long the opening of a socket may take.</summary>
    internal static readonly TimeSpan OpenWithin = TimeSpan.FromSeconds(15);

    private readonly Shared _shared;
    private readonly Reconnecting _reconnecting;
    private readonly Signal _signal = new();
    private readonly object _gate = new();
    private ClientState _state = new(ClientStatus.SignedOut);
    private CancellationTokenSource? _stop;
    private Task _running = Task.CompletedTask;
    private TaskCompletionSource _live = NewSource();
    private LiveSession? _session;
    private TaskCompletionSource? _waiting;
    private bool _disposed;

    public Connection(Shared shared)
    {
        _shared = shared;
        _reconnecting = new Reconnecting(shared.Random);
        shared.Outbox.Kick = _signal.Set;
        shared.Hub.Roomy = _signal.Set;
        shared.Hub.Deserted = shared.Positions.GoBack;
        shared.Network.CameUp = TryNow;
        shared.Rest.Tokens.SignedOut = SignedOut;
    }

    public ClientState State
    {
        get
        {
            lock (_gate)
                return _state;
        }
    }

    /// <summary>Starts, where it has not yet, and waits until it is live.</summary>
    /// <exception cref="ObjectDisposedException">Its parts are gone.</exception>
    public async Task ConnectAsync(CancellationToken cancellationToken)
    {
        Task live;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(ChatClient));
            if (_running.IsCompleted)
            {
                (_stop, _live) = (new CancellationTokenSource(), NewSource());
                _running = Task.Run(() => RunAsync(_stop.Token), CancellationToken.None);
            }

            live = _live.Task;
        }

        TryNow();
        try
        {
            await live.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await CloseAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Ends a wait for the next attempt.</summary>
    public void TryNow() => Volatile.Read(ref _waiting)?.TrySetResult();

    /// <summary>Something is to be sent.</summary>
    public void Kick() => _signal.Set();

    /// <summary>Sends a frame that may be lost, if there is a socket.</summary>
    /// <param name="cancellationToken">Ends the wait alone: the frame may be sent nevertheless.</param>
    public async Task TrySendAsync<T>(T frame, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Volatile.Read(ref _session) is { } session)
            await session.TrySendAsync(frame, type).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Says goodbye and waits until everything has ended.</summary>
    public async Task CloseAsync()
    {
        CancellationTokenSource? stop;
        Task running;
        lock (_gate)
            (stop, running) = (_stop, _running);
        if (stop is not null)
            await stop.CancelAsync().ConfigureAwait(false);
        await running.ConfigureAwait(false);
    }

    /// <summary>The state without a connection.</summary>
    public void Rest(bool signedIn)
    {
        lock (_gate)
        {
            if (!_running.IsCompleted)
                return;
        }

        Become(new ClientState(signedIn ? ClientStatus.Idle : ClientStatus.SignedOut));
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
            _disposed = true;
        await CloseAsync().ConfigureAwait(false);
        lock (_gate)
        {
            _stop?.Dispose();
            _stop = null;
        }
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task RunAsync(CancellationToken stop)
    {
        string? refused = null; // The token that is not to be used again.
        try
        {
            while (true)
            {
                Become(new ClientState(ClientStatus.Connecting, Reason: State.Reason));
                var (next, reason, token) = await AttemptAsync(refused, stop).ConfigureAwait(false);
                if (next is not { } attempt)
                    return;
                if (token is not null) // Else it could not be exchanged yet.
                    refused = attempt.Refresh ? token : null;
                await WaitAsync(attempt.Delay, reason, stop).ConfigureAwait(false);
            }
        }
        catch (Exception) when (stop.IsCancellationRequested)
        {
            Become(new ClientState(ClientStatus.Idle));
            _live.TrySetException(new ChatException(ErrorCode.Closed, "The client was closed."));
            _ = _live.Task.Exception;
        }
    }

    /// <summary>One connection from its opening to its end.</summary>
    /// <returns>No next attempt once the device is signed out.</returns>
    private async Task<(NextAttempt? Next, ChatException? Reason, string? Token)> AttemptAsync(
        string? refused, CancellationToken stop)
    {
        string? token = null;
        try
        {
            token = refused is null
                ? await _shared.Rest.Tokens.GetAsync(stop).ConfigureAwait(false)
                : await _shared.Rest.Tokens.RefreshAsync(refused, stop).ConfigureAwait(false);
            var end = await UseAsync(token, stop).ConfigureAwait(false);
            _shared.Logger.LogInformation(
                "The connection ended: {Code} {Reason}", end.CloseCode, end.Reason?.InnerException?.Message);
            return (_reconnecting.After(end.CloseCode), end.Reason ?? ChatException.Network(null), token);
        }
        catch (ChatException signedOut) when (signedOut.Code == ErrorCode.SignedOut)
        {
            Become(new ClientState(ClientStatus.SignedOut, Reason: signedOut));
            _live.TrySetException(signedOut);
            _ = _live.Task.Exception;
            return (null, signedOut, null);
        }
        catch (ChatException failed)
        {
            return (_reconnecting.After(null, failed), failed, token);
        }
        catch (Exception broken) when (!stop.IsCancellationRequested)
        {
            _shared.Logger.LogError(broken, "The connection failed.");
            var reason = new ChatException(ErrorCode.Internal, "Something failed on this machine.", inner: broken);
            return (_reconnecting.After(null, reason), reason, token);
        }
    }

    private async Task<SessionEnd> UseAsync(string token, CancellationToken stop)
    {
        using var socket = await OpenAsync(token, stop).ConfigureAwait(false);
        using var session = new LiveSession(_shared, socket, token, _signal, Became);
        Volatile.Write(ref _session, session);
        try
        {
            return await session.RunAsync(stop).ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _session, null);
            _shared.Outbox.Disconnected();
            _shared.Confirmations.Disconnected();
            _shared.Positions.Disconnected();
        }
    }

    private async Task<ISocket> OpenAsync(string token, CancellationToken stop)
    {
        using var deadline = new CancellationTokenSource(OpenWithin, _shared.Clock.Time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, deadline.Token);
        try
        {
            return await _shared.Transport.OpenAsync(_shared.Rest.Url, token, both.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException late) when (!stop.IsCancellationRequested)
        {
            throw ChatException.Network(late);
        }
    }

    private async Task WaitAsync(TimeSpan delay, ChatException? reason, CancellationToken stop)
    {
        if (delay <= TimeSpan.Zero)
            return;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var passed = Task.Delay(delay, _shared.Clock.Time, over.Token);
        var now = NewSource();
        Volatile.Write(ref _waiting, now);
        Become(new ClientState(
            _shared.Network.IsUp ? ClientStatus.Waiting : ClientStatus.Offline,
            _shared.Clock.Time.GetUtcNow() + delay, reason));
        await Task.WhenAny(passed, now.Task).ConfigureAwait(false);
        Volatile.Write(ref _waiting, null);
        await over.CancelAsync().ConfigureAwait(false);
        stop.ThrowIfCancellationRequested();
    }

    private void Became(ClientStatus status)
    {
        if (status == ClientStatus.Live)
        {
            _reconnecting.Succeeded();
            Become(new ClientState(status));
            _live.TrySetResult();
        }
        else
        {
            Become(new ClientState(status, Reason: State.Reason));
        }
    }

    private void SignedOut()
    {
        lock (_gate)
        {
            if (!_running.IsCompleted)
                return; // The loop finds out by itself.
        }

        Become(new ClientState(ClientStatus.SignedOut, Reason: ChatException.SignedOut()));
    }

    private void Become(ClientState state)
    {
        lock (_gate)
        {
            if (_state == state)
                return;
            _state = state;
        }

        _shared.Hub.Tell(new StateChanged(state));
    }
}
