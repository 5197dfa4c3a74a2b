namespace ChatCqrs.Client.Realtime;

/// <summary>Decides how to go on after a connection has ended.</summary>
/// <param name="Delay">How long to wait before the next attempt.</param>
/// <param name="Refresh">Whether the access token is to be exchanged first.</param>
internal readonly record struct NextAttempt(TimeSpan Delay, bool Refresh = false);

/// <summary>
/// When to connect again. It never gives up. The random part keeps the clients of a restarted server from coming back
/// all at once.
/// </summary>
/// <param name="random">A number from 0 to below 1.</param>
internal sealed class Reconnecting(Func<double> random)
{
    /// <summary>Close codes (RFC 6455, section 7.4.1, and the server's own).</summary>
    public const int GoingAway = 1001, Policy = 1008, TryAgainLater = 1013, TokenEnded = 4401;

    /// <summary>The status of a socket that is refused for its token.</summary>
    public const int Unauthorized = 401;

    private static readonly TimeSpan First = TimeSpan.FromSeconds(0.5), Most = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan GoingAwayMost = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan TooSlowLeast = TimeSpan.FromSeconds(1), TooSlowMost = TimeSpan.FromSeconds(5);

    /// <summary>What a server may ask to wait at most, so that a mistaken header silences nobody for a day.</summary>
    private static readonly TimeSpan RetryAfterMost = TimeSpan.FromMinutes(5);

    private int _attempts;

    /// <summary>The connection got live: what failed before does not count any more.</summary>
    public void Succeeded() => _attempts = 0;

    /// <summary>The socket ended, or was never opened.</summary>
    /// <param name="closeCode">The server's; null for none.</param>
    /// <param name="refusal">Why it was not opened; null where it was.</param>
    public NextAttempt After(int? closeCode, ChatException? refusal = null)
    {
        if (closeCode == GoingAway)
            return new(random() * GoingAwayMost);
        if (closeCode == TryAgainLater)
            return new(TooSlowLeast + random() * (TooSlowMost - TooSlowLeast));
        if (closeCode is TokenEnded or Policy || refusal?.Status == Unauthorized)
            return new(_attempts++ == 0 ? TimeSpan.Zero : Jitter(_attempts - 1, random), Refresh: true);
        var delay = Jitter(_attempts++, random);
        var asked = refusal?.RetryAfter is { } wait ? (wait < RetryAfterMost ? wait : RetryAfterMost) : TimeSpan.Zero;
        return new(delay > asked ? delay : asked + delay * 0.1);
    }

    /// <summary>Full jitter: random(0, min(30 s, 0.5 s * 2^attempt)).</summary>
    public static TimeSpan Jitter(int attempt, Func<double> random)
    {
        var most = First * Math.Pow(2, Math.Min(attempt, 10));
        return random() * (most < Most ? most : Most);
    }
}
