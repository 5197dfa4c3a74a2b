using System.Text.Json;
using ChatCqrs.Client.Http;

namespace ChatCqrs.Client.Realtime;

/// <content>Questions for what is missing, one at a time; tokens on the open socket.</content>
internal sealed partial class LiveSession
{
    internal const string IncarnationKey = "incarnation";

    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(1);

    private readonly HashSet<Guid> _doubted = [];
    private Dictionary<Guid, long>? _asked;
    private int _questions;
    private TimeSpan _syncNotBefore;
    private Guid? _incarnation;
    private TimeSpan _authenticateAt = Never;
    private int _authenticateAttempts;
    private Task _authenticating = Task.CompletedTask;

    /// <summary>Whether the log is another one, and it is not yet known where conversations end in it.</summary>
    private bool IsInDoubt => _incarnation is not null;

    private TimeSpan AuthenticateAt => _authenticating.IsCompleted ? _authenticateAt : TimeSpan.MaxValue;

    private TimeSpan SyncAt => MaySync ? _syncNotBefore : TimeSpan.MaxValue;

    private bool MaySync => _caughtUp && _asked is null && _shared.Positions.AnyBehind
        && (_shared.Hub.HasRoom || _doubted.Count > 0);

    private async Task SyncAsync(TimeSpan now, CancellationToken cancellationToken)
    {
        SyncFrame frame;
        lock (_gate)
        {
            if (!MaySync || now < _syncNotBefore)
                return;
            _asked = _shared.Positions.Behind(SyncMost);
            frame = new SyncFrame(
                "sync", $"sync-{++_questions}", _asked.ToDictionary(pair => pair.Key.ToString(), pair => pair.Value));
        }

        await SendAsync(JsonSerializer.SerializeToUtf8Bytes(frame, WireJson.Default.SyncFrame), cancellationToken)
            .ConfigureAwait(false);
    }

    private async ValueTask SyncedAsync(CancellationToken cancellationToken)
    {
        if (!_caughtUp)
            _caughtUp = true; // The first one ends what the server sends unasked.
        else
            AllAnswered();
        if (IsInDoubt && _doubted.Count == 0)
        {
            var known = _incarnation.ToString();
            _incarnation = null;
            await _shared.Storage.WriteAsync(IncarnationKey, known, durable: true, cancellationToken)
                .ConfigureAwait(false);
        }

        await LiveIfCaughtUpAsync(cancellationToken).ConfigureAwait(false);
        _signal.Set();
    }

    private void AllAnswered()
    {
        lock (_gate)
        {
            foreach (var conversation in _asked?.Keys ?? Enumerable.Empty<Guid>())
            {
                _shared.Positions.Answered(conversation);
                _doubted.Remove(conversation);
            }

            _asked = null;
        }
    }

    /// <summary>A question, or one conversation of it, was refused.</summary>
    /// <returns>False when the reference is to something else.</returns>
    private bool SyncRefused(string reference, ChatException refusal)
    {
        lock (_gate)
        {
            if (_asked is not { } asked)
                return false;
            if (reference == $"sync-{_questions}")
            {
                _shared.Positions.AskAgain(asked.Keys);
                _asked = null;
                _syncNotBefore = Now + AskAgainAfter;
            }
            else if (Guid.TryParse(reference, out var conversation) && asked.Remove(conversation))
            {
                if (refusal.Retryable)
                {
                    _shared.Positions.AskAgain([conversation]);
                    _syncNotBefore = Now + AskAgainAfter;
                }
                else
                {
                    _shared.Positions.Forget(conversation); // Not a member any more.
                    _doubted.Remove(conversation);
                }

                if (asked.Count == 0)
                    _asked = null; // Nothing is left to be answered.
            }
            else
            {
                return false;
            }
        }

        _signal.Set();
        return true;
    }

    /// <summary>Where the log is another one than before, each conversation's end is asked for.</summary>
    private async ValueTask DoubtAsync(Guid incarnation, CancellationToken cancellationToken)
    {
        var known = await _shared.Storage.ReadAsync(IncarnationKey, cancellationToken).ConfigureAwait(false);
        if (known == incarnation.ToString())
            return;
        if (known is not null)
            _doubted.UnionWith(_shared.Positions.DoubtAll());
        _incarnation = incarnation;
    }

    private TimeSpan AuthenticateAfter(TimeSpan left) => Now + left - TokenKeeper.LeftMinOf(left);

    /// <summary>
    /// Exchanges the token before it ends. In the background: a slow answer must not hold up messages.
    /// </summary>
    private void Authenticate(TimeSpan now, CancellationToken cancellationToken)
    {
        if (!_authenticating.IsCompleted || now < _authenticateAt)
            return;
        _authenticateAt = Now + Never; // Until the answer, or the failure, says otherwise.
        _authenticating = AuthenticateAsync(cancellationToken);
    }

    private async Task AuthenticateAsync(CancellationToken cancellationToken)
    {
        try
        {
            _token = await _shared.Rest.Tokens.RefreshAsync(_token, cancellationToken).ConfigureAwait(false);
            var frame = new AuthenticateFrame("authenticate", _token);
            await SendAsync(
                JsonSerializer.SerializeToUtf8Bytes(frame, WireJson.Default.AuthenticateFrame), cancellationToken)
                .ConfigureAwait(false);
        }
        catch (ChatException failed) when (failed.Retryable)
        {
            _authenticateAt = Now + Reconnecting.Jitter(_authenticateAttempts++, _shared.Random);
        }
        catch (ChatException)
        {
            // Signed out: the server closes the socket.
        }
        finally
        {
            _signal.Set();
        }
    }

    private void Authenticated()
    {
        _authenticateAttempts = 0;
        _authenticateAt = AuthenticateAfter(_shared.Rest.Tokens.Left);
        _signal.Set();
    }
}
