using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Client.Http;

/// <summary>
/// The tokens of this device. They are refreshed before they end, one refresh at a time over all clients and processes
/// on one store: whoever gets the lock second finds the first one's tokens there. A refresh whose answer is lost is
/// asked for again with the same token, which the server allows until the new ones are used.
/// </summary>
internal sealed class TokenKeeper(
    IChatStorage storage, Clock clock, ILogger logger, Func<string, CancellationToken, Task<TokenAnswer>> refresh)
{
    internal const string Key = "session", LockName = "tokens";

    private const int Unauthorized = 401;

    /// <summary>
    /// A token with less left than this is refreshed before it is used; or with less than half, if it is short-lived.
    /// </summary>
    internal static readonly TimeSpan LeftMin = TimeSpan.FromSeconds(60);

    private readonly object _gate = new();
    private Session? _session;
    private TimeSpan _endsAt;

    /// <summary>How long the access token is good; zero without one.</summary>
    public TimeSpan Left
    {
        get
        {
            lock (_gate)
                return _session is null || _endsAt < clock.Now ? TimeSpan.Zero : _endsAt - clock.Now;
        }
    }

    /// <summary>Called once for each time the device is signed out by the server.</summary>
    public Action? SignedOut { get; set; }

    public Account? Account
    {
        get
        {
            lock (_gate)
                return _session is { } session ? new Account(session.UserId, session.DeviceId) : null;
        }
    }

    /// <summary>Reads the store.</summary>
    public async ValueTask<Account?> LoadAsync(CancellationToken cancellationToken)
    {
        if (Account is null)
            Take(await ReadAsync(cancellationToken).ConfigureAwait(false));
        return Account;
    }

    public async Task<Account> SignInAsync(TokenAnswer answer, CancellationToken cancellationToken)
    {
        using (await storage.LockAsync(LockName, cancellationToken).ConfigureAwait(false))
            await StoreAsync(answer, cancellationToken).ConfigureAwait(false);
        return Account!;
    }

    /// <summary>Forgets the tokens, here and in the store.</summary>
    public async Task ForgetAsync(CancellationToken cancellationToken)
    {
        await storage.WriteAsync(Key, null, durable: true, cancellationToken).ConfigureAwait(false);
        Take(null);
    }

    /// <summary>A token that has at least a minute left.</summary>
    /// <exception cref="ChatException">Signed out, or the refresh failed.</exception>
    public async ValueTask<string> GetAsync(CancellationToken cancellationToken)
    {
        if (Fresh(than: null) is { } token)
            return token;
        return await RefreshAsync(stale: null, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Another token than one that was refused or is about to end.</summary>
    /// <param name="stale">That one; null for any that has less than a minute left.</param>
    public async Task<string> RefreshAsync(string? stale, CancellationToken cancellationToken)
    {
        using var held = await storage.LockAsync(LockName, cancellationToken).ConfigureAwait(false);
        Take(await ReadAsync(cancellationToken).ConfigureAwait(false)); // Somebody else may have refreshed them.
        if (Fresh(stale) is { } token)
            return token;
        Session? session;
        lock (_gate)
            session = _session;
        if (session is null)
            throw ChatException.SignedOut();
        try
        {
            var answer = await refresh(session.RefreshToken, cancellationToken).ConfigureAwait(false);
            await StoreAsync(answer, cancellationToken).ConfigureAwait(false);
            return answer.AccessToken;
        }
        catch (ChatException refused) when (refused.Status == Unauthorized && !refused.IsCoded)
        {
            // A network that wants a login, say: the server itself always gives a code.
            throw new ChatException(
                ErrorCode.BadAnswer, "Something on the way refused the exchange of tokens.", Unauthorized, refused);
        }
        catch (ChatException refused) when (refused.Status == Unauthorized)
        {
            logger.LogWarning("This device was signed out: {Code}.", refused.Code);
            await ForgetAsync(cancellationToken).ConfigureAwait(false);
            SignedOut?.Invoke();
            throw ChatException.SignedOut();
        }
    }

    private string? Fresh(string? than)
    {
        lock (_gate)
            return _session is { } session && session.AccessToken != than
                && _endsAt - clock.Now >= LeftMinOf(TimeSpan.FromSeconds(session.ExpiresIn))
                    ? session.AccessToken
                    : null;
    }

    /// <summary>How much of a token of some lifetime must be left.</summary>
    internal static TimeSpan LeftMinOf(TimeSpan lifetime) => lifetime / 2 < LeftMin ? lifetime / 2 : LeftMin;

    private async Task StoreAsync(TokenAnswer answer, CancellationToken cancellationToken)
    {
        var session = new Session(
            answer.UserId, answer.DeviceId, answer.AccessToken, answer.RefreshToken, clock.Time.GetUtcNow(),
            answer.ExpiresIn);
        await storage.WriteAsync(
            Key, JsonSerializer.Serialize(session, WireJson.Default.Session), durable: true, cancellationToken)
            .ConfigureAwait(false);
        lock (_gate)
            (_session, _endsAt) = (session, clock.Now + TimeSpan.FromSeconds(session.ExpiresIn));
    }

    private async ValueTask<Session?> ReadAsync(CancellationToken cancellationToken)
    {
        var text = await storage.ReadAsync(Key, cancellationToken).ConfigureAwait(false);
        return text is null ? null : JsonSerializer.Deserialize(text, WireJson.Default.Session);
    }

    private void Take(Session? session)
    {
        lock (_gate)
        {
            if (session is null || session.AccessToken != _session?.AccessToken)
                (_session, _endsAt) = (session, session is null ? TimeSpan.Zero : clock.Now + LeftOf(session));
        }
    }

    /// <summary>
    /// What stored tokens have left. The machine's clock is all there is to tell it by: where it says that they were
    /// got in the future, it was set, and they count as ended. Wrongly fresh ones are refused and refreshed then.
    /// </summary>
    private TimeSpan LeftOf(Session session)
    {
        var age = clock.Time.GetUtcNow() - session.ObtainedAt;
        return age < TimeSpan.Zero ? TimeSpan.Zero : TimeSpan.FromSeconds(session.ExpiresIn) - age;
    }
}
