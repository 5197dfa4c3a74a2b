using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>How fast a user may send frames over all of their sockets on this node.</summary>
public interface IMessageRate
{
    /// <summary>Takes the user's next place. Cheap: called for every frame but well-formed ones of <c>typing</c>, which have a rate of their own.</summary>
    /// <param name="retryAfter">When there is a place again; zero when there was one.</param>
    /// <returns>False when the user is too fast: refuse with <see cref="Refusal.RateLimited"/>.</returns>
    bool TryTake(UserId user, out TimeSpan retryAfter);

    /// <summary>Takes further places for a frame that has taken its own and asks for as much as several.</summary>
    /// <param name="count">How many; no more count than there are at most.</param>
    /// <inheritdoc cref="TryTake(UserId, out TimeSpan)"/>
    bool TryTakeMore(UserId user, int count, out TimeSpan retryAfter);
}
