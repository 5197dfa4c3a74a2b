using ChatCqrs.Application.Ports;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>Deletes links of devices some time after they ended, in bounded steps. Repeating is safe.</summary>
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

    internal sealed class Handler(IDeviceLinks links, TimeProvider clock) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            for (var all = 0; ;)
            {
                var deleted = await links.DeleteEndedAsync(clock.GetUtcNow() - KeptFor, StepMax, cancellationToken);
                all += deleted;
                if (deleted < StepMax)
                    return new Result(all);
            }
        }
    }
}
