using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>How fast a user may send frames over all of their sockets on this node.</summary>
public interface IMessageRate
{
    /// <summary>Takes the user's next place. Cheap: called for every frame but <c>typing</c>, which has a rate of its own.</summary>
    /// <param name="retryAfter">When there is a place again; zero when there was one.</param>
    /// <returns>False when the user is too fast: refuse with <see cref="Refusal.RateLimited"/>.</returns>
    bool TryTake(UserId user, out TimeSpan retryAfter);
}
