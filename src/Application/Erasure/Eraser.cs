using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Application.Erasure;

/// <summary>
/// Erases a user: ends the account in the log, so that nothing more happens to it, then runs every
/// <see cref="IErasureStep"/>.
/// </summary>
internal sealed class Eraser(UserWriter users, IEnumerable<IErasureStep> steps)
{
    private readonly IReadOnlyList<IErasureStep> _steps = [.. steps];

    /// <summary>Erases as much as is visible now. May be interrupted and repeated.</summary>
    /// <returns>The position of the account's end, and whether all steps are complete.</returns>
    /// <exception cref="RefusedException">The account does not exist.</exception>
    public async Task<(LogPosition Position, bool Done)> EraseAsync(
        UserId user, Actor actor, CancellationToken cancellationToken)
    {
        var (_, position) = await users.WriteAsync(
            user, (_, _) => ValueTask.FromResult<UserCommand?>(new UserCommand.Erase()), actor, causation: null,
            cancellationToken);
        var done = true;
        foreach (var step in _steps)
            done &= await step.RunAsync(user, cancellationToken);
        return (position, done);
    }
}
