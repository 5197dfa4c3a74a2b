using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Erasure;

/// <summary>
/// Continues interrupted erasures. Repeats each once after <see cref="ErasureOptions.SettleAfter"/>, to cover
/// operations in flight at the time: a message, an upload, an addition to a group.
/// </summary>
public static class FinishErasures
{
    public sealed record Command : IRequest<Result>;

    public sealed record Result(int Finished, int Pending);

    /// <summary>Nothing to validate.</summary>
    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(
        IErasures erasures, Eraser eraser, Shredding shredding, IOptions<ErasureOptions> options,
        TimeProvider clock, ILogger<Handler> logger) : IRequestHandler<Command, Result>
    {
        /// <summary>The most erasures in one step, oldest first.</summary>
        private const int StepMax = 100;

        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var (finished, unfinished) = (0, 0);
            IReadOnlyList<PendingErasure> step = [];
            do
            {
                // After those of the last step, whatever became of them: others do not wait for those that fail.
                step = await erasures.PendingAsync(step.LastOrDefault(), StepMax, cancellationToken);
                foreach (var erasure in step)
                {
                    if (await FinishAsync(erasure, cancellationToken))
                        finished++;
                    else
                        unfinished++;
                }
            }
            while (step.Count == StepMax);
            return new Result(finished, unfinished);
        }

        private async Task<bool> FinishAsync(PendingErasure erasure, CancellationToken cancellationToken)
        {
            var isSettled = clock.GetUtcNow() - erasure.RequestedAt >= options.Value.SettleAfter;
            if (!await EraseAsync(erasure.User, isSettled, cancellationToken) || !isSettled)
                return false;
            await erasures.FinishAsync(erasure.User, cancellationToken);
            logger.LogInformation("The user {User} is erased.", erasure.User);
            return true;
        }

        private async Task<bool> EraseAsync(UserId user, bool isSettled, CancellationToken cancellationToken)
        {
            try
            {
                var (_, done) = await eraser.EraseAsync(user, new Actor(user, null), cancellationToken);
                if (isSettled) // Also where a step waits for something else.
                    await shredding.SettleAsync(user, cancellationToken);
                return done;
            }
            catch (RefusedException refused) when (refused.Refusal == Refusal.UserUnknown)
            {
                logger.LogWarning("The user {User} is to be erased, but the log does not know them.", user);
                return true;
            }
            catch (Exception exception)
                when (exception is not (StoreUnavailableException or OperationCanceledException))
            {
                logger.LogError(
                    exception, "Erasing the user {User} failed; it is tried again. Others do not wait for it.", user);
                return false;
            }
        }
    }
}
