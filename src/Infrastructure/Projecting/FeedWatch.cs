using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Notices a subscription that delivers nothing although the log has gone on, as that of a node which is cut off from
/// its cluster. It lives longer than the subscriptions.
/// </summary>
internal sealed class FeedWatch(IEventStore store, TimeProvider clock)
{
    /// <summary>How long the log may be ahead of a subscription that delivers nothing.</summary>
    public static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(10);

    private long? _since;

    /// <summary>The head at which the last subscription was left.</summary>
    private LogPosition? _left;

    /// <summary>
    /// A head that a second subscription did not deliver either: its events are truncated, and nobody gets them.
    /// </summary>
    private LogPosition? _truncated;

    /// <summary>The subscription has delivered events.</summary>
    public void Delivered() => _since = null;

    /// <summary>To be called while nothing is delivered.</summary>
    /// <param name="position">The position up to which the subscription has delivered.</param>
    /// <returns>How long the log has been ahead of it.</returns>
    /// <exception cref="StoreUnavailableException">
    /// Longer than <see cref="SilenceMax"/>: another subscription is to take its place. Or the log is away.
    /// </exception>
    public async Task<TimeSpan> LookAsync(LogPosition position, CancellationToken cancellationToken)
    {
        var head = await store.HeadAsync(cancellationToken);
        if (head <= position || head == _truncated)
        {
            _since = null;
            return TimeSpan.Zero;
        }

        var now = clock.GetTimestamp();
        var silent = clock.GetElapsedTime(_since ??= now, now);
        if (silent < SilenceMax)
            return silent;
        _since = null;
        if (head == _left)
        {
            _truncated = head;
            return TimeSpan.Zero;
        }

        _left = head;
        throw new StoreUnavailableException(
            $"The subscription has delivered nothing since {position}, and the log is at {head}.");
    }
}
