using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>The existing accounts, as the log states now, not as a lagging view does.</summary>
public interface IUsers
{
    Task<bool> ExistsAsync(UserId user, CancellationToken cancellationToken);
}
