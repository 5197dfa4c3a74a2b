using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Application.Erasure;

/// <summary>Erases a user: says so in the log, so that nothing happens to the account any more, then goes through every <see cref="IErasureStep"/>.</summary>
internal sealed class Eraser(UserWriter users, IEnumerable<IErasureStep> steps)
{
    private readonly IReadOnlyList<IErasureStep> _steps = [.. steps];

    /// <summary>Can be broken off and repeated.</summary>
    /// <returns>Up to where the log holds the account's end, and whether everything was found and erased.</returns>
    /// <exception cref="RefusedException">There is no such account.</exception>
    public async Task<(LogPosition Position, bool Done)> EraseAsync(UserId user, Actor actor, CancellationToken cancellationToken)
    {
        var (_, position) = await users.WriteAsync(
            user, (_, _) => ValueTask.FromResult<UserCommand?>(new UserCommand.Erase()), actor, causation: null, cancellationToken);
        var done = true;
        foreach (var step in _steps)
            done &= await step.RunAsync(user, cancellationToken);
        return (position, done);
    }
}
