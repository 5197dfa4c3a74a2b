using Microsoft.Extensions.Logging;

namespace ChatCqrs.Client;

/// <summary>Options of a <see cref="ChatClient"/>. They are read once, when the client is made.</summary>
public sealed class ChatClientOptions
{
    /// <summary>The server's address, such as <c>https://chat.example.org</c>. Required.</summary>
    public Uri? Url { get; set; }

    /// <summary>
    /// Where tokens, the outbox and positions are kept; by default in memory, so that they end with the process.
    /// Several clients, in several processes, may share one store: they refresh its tokens one at a time.
    /// </summary>
    public IChatStorage? Storage { get; set; }

    /// <summary>
    /// Sends all requests and opens sockets; by default a handler of the client's own. Never disposed by the client,
    /// so that many clients may share one.
    /// </summary>
    public HttpMessageHandler? HttpHandler { get; set; }

    /// <summary>Where the client writes its log: never content, never tokens. By default nowhere.</summary>
    public ILogger? Logger { get; set; }

    /// <summary>The clock of every wait and deadline; by default the system's.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>The device's name, as its person sees it in their list of devices.</summary>
    public string DeviceName { get; set; } = "ChatCqrs.Client";

    /// <summary>The device's platform, in the same list.</summary>
    public string Platform { get; set; } = "dotnet";

    /// <summary>
    /// The most events that wait for a slow reader of <see cref="ChatClient.EventsAsync"/>; 1,024 by default.
    /// <see cref="ChatClient.EventsAsync"/> says what happens then.
    /// </summary>
    public int EventsMax { get; set; } = 1_024;

    /// <summary>
    /// The most messages that wait in the outbox; 10,000 by default. The next is refused with
    /// <see cref="ErrorCode.OutboxFull"/>.
    /// </summary>
    public int OutboxMax { get; set; } = 10_000;

    /// <summary>How long a silent connection may be before it is asked for a sign of life; 25 s by default.</summary>
    public TimeSpan PingEvery { get; set; } = TimeSpan.FromSeconds(25);

    /// <summary>How long the answer to that, or the taking of a frame, may last; 10 s by default.</summary>
    public TimeSpan PongWithin { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a request may last, apart from the bytes of files; 30 s by default.</summary>
    public TimeSpan RequestWithin { get; set; } = TimeSpan.FromSeconds(30);

    internal void Check()
    {
        ArgumentNullException.ThrowIfNull(Url);
        if (!Url.IsAbsoluteUri || Url.Scheme is not ("http" or "https"))
            throw new ArgumentException("Url must be an absolute address of http or https.");
        ArgumentOutOfRangeException.ThrowIfLessThan(EventsMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(OutboxMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(PingEvery, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(PongWithin, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(RequestWithin, TimeSpan.Zero);
    }
}
