using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Application.Erasure;

/// <summary>
/// Erases the caller. The request is stored first; <see cref="FinishErasures"/> completes an interrupted erasure on any
/// node.
/// </summary>
public static class EraseAccount
{
    public sealed record Command(UserId Caller, DeviceId Device) : IRequest<Result>;

    /// <param name="Position">The position of the last event written.</param>
    public sealed record Result(LogPosition Position);

    /// <summary>Nothing to validate.</summary>
    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(
        IErasures erasures, Eraser eraser, IConversationWriter conversations,
        TimeProvider clock, ILogger<Handler> logger) : IRequestHandler<Command, Result>
    {
        /// <summary>How long the caller waits; the clock completes the rest.</summary>
        private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(10);

        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            await erasures.RequestAsync(request.Caller, clock.GetUtcNow(), cancellationToken);
            // Not the caller's token: the erasure continues if they disconnect.
            using var limit = new CancellationTokenSource(WaitMax, clock);
            try
            {
                var (position, _) = await eraser.EraseAsync(
                    request.Caller, new Actor(request.Caller, request.Device), limit.Token);
                return new Result(position > conversations.LastCommitted ? position : conversations.LastCommitted);
            }
            catch (OperationCanceledException) when (limit.IsCancellationRequested)
            {
                logger.LogInformation(
                    "The erasure of {User} takes longer than its caller waits, and goes on later.", request.Caller);
                return new Result(conversations.LastCommitted);
            }
        }
    }
}
