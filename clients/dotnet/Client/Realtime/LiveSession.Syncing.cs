using System.Text.Json;
using ChatCqrs.Client.Http;

namespace ChatCqrs.Client.Realtime;

/// <content>
/// Questions for what is missing, one at a time and of one conversation each: <c>synced</c> and a refusal then say all.
/// Of several conversations the server would answer some, and refuse others under the same id. To the server's rate
/// each conversation counts as a frame anyway.
/// </content>
internal sealed partial class LiveSession
{
    internal const string IncarnationKey = "incarnation";

    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(1);

    private readonly HashSet<Guid> _doubted = [];
    private Guid? _asked;
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
            if (_shared.Positions.Ask() is not (var conversation, var seq))
                return;
            _asked = conversation;
            frame = new SyncFrame(
                "sync", $"sync-{++_questions}", new Dictionary<string, long> { [conversation.ToString()] = seq });
        }

        await SendAsync(JsonSerializer.SerializeToUtf8Bytes(frame, WireJson.Default.SyncFrame), cancellationToken)
            .ConfigureAwait(false);
    }

    private async ValueTask SyncedAsync(CancellationToken cancellationToken)
    {
        if (!_caughtUp)
            _caughtUp = true; // The first one ends what the server sends unasked.
        else
            Answered();
        await SettleAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>One conversation less is in question: that may have been the last.</summary>
    private async ValueTask SettleAsync(CancellationToken cancellationToken)
    {
        if (_caughtUp && IsInDoubt && _doubted.Count == 0)
        {
            var known = _incarnation.ToString();
            _incarnation = null;
            await _shared.Storage.WriteAsync(IncarnationKey, known, durable: true, cancellationToken)
                .ConfigureAwait(false);
        }

        await LiveIfCaughtUpAsync(cancellationToken).ConfigureAwait(false);
        _signal.Set();
    }

    private void Answered()
    {
        lock (_gate)
        {
            if (_asked is not { } conversation)
                return;
            _shared.Positions.Answered(conversation);
            _doubted.Remove(conversation);
            _asked = null;
        }
    }

    /// <summary>A question was refused.</summary>
    /// <param name="reference">The id of the refused frame.</param>
    /// <returns>False when that is another one than the question's.</returns>
    private bool SyncRefused(string reference, ChatException refusal)
    {
        lock (_gate)
        {
            if (_asked is not { } conversation || reference != $"sync-{_questions}")
                return false;
            if (refusal.Retryable || refusal.Status == Reconnecting.Unauthorized)
            {
                _shared.Positions.AskAgain(conversation);
                _syncNotBefore = Now + AskAgainAfter;
            }
            else
            {
                _shared.Positions.Forget(conversation); // Not a member any more.
                _doubted.Remove(conversation);
            }

            _asked = null;
        }

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
        catch (ChatException signedOut) when (signedOut.Code == ErrorCode.SignedOut)
        {
            // The server closes the socket.
        }
        catch (ChatException)
        {
            _authenticateAt = Now + Reconnecting.Jitter(_authenticateAttempts++, _shared.Random);
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
