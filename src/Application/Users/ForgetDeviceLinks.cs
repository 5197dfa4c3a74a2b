using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Deletes links of devices some time after they ended, in bounded steps, and removes devices whose approval failed
/// half way and was not repeated. Repeating is safe.
/// </summary>
public static class ForgetDeviceLinks
{
    /// <summary>How long a link that ended can be asked for.</summary>
    public static readonly TimeSpan KeptFor = TimeSpan.FromMinutes(10);

    private const int StepMax = 500;

    public sealed record Command : IRequest<Result>;

    /// <param name="Links">The number of links deleted.</param>
    public sealed record Result(int Links);

    /// <summary>Nothing to validate.</summary>
    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(IDeviceLinks links, UserWriter users, TimeProvider clock)
        : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            for (var all = 0; ;)
            {
                var before = clock.GetUtcNow() - KeptFor;
                // First of all links, so that none is deleted whose device is still to be removed.
                foreach (var link in await links.AbandonedAsync(before, StepMax, cancellationToken))
                    await RemoveAsync(link, cancellationToken);
                var deleted = await links.DeleteEndedAsync(before, StepMax, cancellationToken);
                all += deleted;
                if (deleted < StepMax)
                    return new Result(all);
            }
        }

        private Task RemoveAsync(AbandonedLink link, CancellationToken cancellationToken) => users.WriteAsync(
            link.User,
            (state, _) => ValueTask.FromResult<UserCommand?>(
                state.HasDevice(link.Device) ? new UserCommand.RemoveDevice(link.Device) : null),
            new Actor(link.User, link.By), causation: null, cancellationToken);
    }
}
