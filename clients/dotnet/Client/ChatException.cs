using System.Net.WebSockets;
using ChatCqrs.Client.Http;

namespace ChatCqrs.Client;

/// <summary>
/// A refusal by the server, or a failure to reach it. The server's body is a problem of RFC 9457; a wait that the
/// caller cancels is an <see cref="OperationCanceledException"/> instead.
/// </summary>
public sealed class ChatException : Exception
{
    private const int RequestTimeout = 408, TooManyRequests = 429, ServerErrors = 500;

    internal ChatException(string code, string detail, int status = 0, Exception? inner = null)
        : base($"{detail} ({code})", inner) => (Code, Detail, Status) = (code, detail, status);

    /// <summary>
    /// Stable and machine readable: one of <see cref="ErrorCode"/>, or a newer one that this version does not know.
    /// </summary>
    public string Code { get; }

    /// <summary>The HTTP status, also of refused socket frames; 0 where the server gave none.</summary>
    public int Status { get; }

    /// <summary>A sentence for developers; not stable, and never a message's content.</summary>
    public string Detail { get; }

    /// <summary>The trace in the server's logs; null where the server gave none.</summary>
    public string? TraceId { get; internal init; }

    /// <summary>How long the server asks to wait before a retry; null where it says nothing.</summary>
    public TimeSpan? RetryAfter { get; internal init; }

    /// <summary>The messages of each invalid field; empty for other errors.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Errors { get; internal init; } =
        new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>Whether the same request may succeed later: no answer of the server, 408, 429 or 5xx.</summary>
    public bool Retryable => Code is ErrorCode.Network or ErrorCode.BadAnswer
        || Status is RequestTimeout or TooManyRequests or >= ServerErrors;

    /// <summary>Whether the server itself gave the code. What is on the way to it gives a status alone.</summary>
    internal bool IsCoded { get; private init; }

    internal static ChatException Network(Exception? cause) =>
        new(ErrorCode.Network, "The server could not be reached.", inner: cause);

    internal static ChatException SignedOut() =>
        new(ErrorCode.SignedOut, "This device is not signed in. Register, or link it.");

    internal static ChatException Of(Problem problem, TimeSpan? retryAfter = null) =>
        new(problem.Code ?? $"status_{problem.Status}", problem.Detail ?? problem.Title ?? "Refused.", problem.Status)
        {
            IsCoded = problem.Code is not null,
            TraceId = problem.TraceId,
            RetryAfter = retryAfter,
            Errors = problem.Errors?.ToDictionary(field => field.Key, field => (IReadOnlyList<string>)field.Value)
                ?? [],
        };

    /// <summary>Whether an exception says that the network failed rather than that something is broken here.</summary>
    internal static bool IsNetwork(Exception exception) =>
        exception is HttpRequestException or IOException or WebSocketException or TimeoutException;
}
