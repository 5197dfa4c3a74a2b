namespace ChatCqrs.Client;

/// <summary>The state of a client's connection. States may be added.</summary>
public enum ClientStatus
{
    /// <summary>There are no tokens: register, or link this device.</summary>
    SignedOut,

    /// <summary>Signed in, and not asked to be connected.</summary>
    Idle,

    /// <summary>The socket is being opened.</summary>
    Connecting,

    /// <summary>The server sends what this device has missed.</summary>
    CatchingUp,

    /// <summary>Everything that was missed is there; entries come as they happen.</summary>
    Live,

    /// <summary>The next attempt to connect is at <see cref="ClientState.RetryAt"/>.</summary>
    Waiting,

    /// <summary>
    /// As <see cref="Waiting"/>, while this machine says that it has no network; its return leads to an attempt at
    /// once.
    /// </summary>
    Offline,
}

/// <summary>A client's state.</summary>
/// <param name="Status">The connection's state.</param>
/// <param name="RetryAt">When the next attempt is made; null but for waiting.</param>
/// <param name="Reason">Why the last attempt or connection failed; null where none has.</param>
public sealed record ClientState(ClientStatus Status, DateTimeOffset? RetryAt = null, ChatException? Reason = null);
