using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>Limits the frames of a user, over all of their sockets on this node.</summary>
public interface IMessageRate
{
    /// <summary>
    /// Counts one frame. Called for every frame except a well-formed <c>typing</c>, which has a rate of its own.
    /// </summary>
    /// <param name="retryAfter">The time until the next frame may come; zero when this one may pass.</param>
    /// <returns>False when the user is too fast: refuse with <see cref="Refusal.RateLimited"/>.</returns>
    bool TryTake(UserId user, out TimeSpan retryAfter);

    /// <summary>Counts a frame that is counted already as several more, because it costs as much.</summary>
    /// <param name="count">How many more, at least 1; cut to the most that can ever pass.</param>
    /// <inheritdoc cref="TryTake(UserId, out TimeSpan)"/>
    bool TryTakeMore(UserId user, int count, out TimeSpan retryAfter);
}
