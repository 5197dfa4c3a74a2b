namespace ChatCqrs.Client.Realtime;

internal enum Pulse
{
    /// <summary>Nothing to do until <see cref="Heartbeat.DueAt"/>.</summary>
    Alive,

    /// <summary>Send a ping.</summary>
    Ping,

    /// <summary>The other side is gone, though nobody said so.</summary>
    Dead,
}

/// <summary>
/// Notices a socket that hangs without closing: after <paramref name="every"/> of silence a ping, and after
/// <paramref name="within"/> more of it the end. Silence counts only while somebody listens to the socket.
/// </summary>
internal sealed class Heartbeat(TimeSpan every, TimeSpan within, TimeSpan now)
{
    private TimeSpan _heard = now;
    private TimeSpan? _asked;

    public TimeSpan DueAt => _asked is { } asked ? asked + within : _heard + every;

    public void Heard(TimeSpan now) => (_heard, _asked) = (now, null);

    /// <param name="listening">Whether the socket is being read; it is not while a slow consumer is waited for.</param>
    public Pulse Check(TimeSpan now, bool listening)
    {
        if (!listening)
            Heard(now);
        if (now < DueAt)
            return Pulse.Alive;
        if (_asked is not null)
            return Pulse.Dead;
        _asked = now;
        return Pulse.Ping;
    }
}
