using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Messages;

/// <summary>How long messages are kept (section <c>Retention</c> of the configuration).</summary>
public sealed record RetentionOptions
{
    /// <summary>Days from sending until the content is unreadable; 1 to 3,650.</summary>
    public int Days { get; init; } = 30;
}

/// <summary>When a message expires.</summary>
public sealed class Retention(IOptions<RetentionOptions> options)
{
    /// <param name="sentAt">UTC.</param>
    /// <returns>UTC, to the millisecond.</returns>
    public DateTimeOffset ExpiryOf(DateTimeOffset sentAt) =>
        DateTimeOffset.FromUnixTimeMilliseconds(sentAt.ToUnixTimeMilliseconds()).AddDays(options.Value.Days);
}
