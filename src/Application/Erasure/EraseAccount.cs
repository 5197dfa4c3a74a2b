using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Application.Erasure;

/// <summary>
/// Erases the caller. That it is wanted is written down first; whatever is cut short after that is finished by <see cref="FinishErasures"/>, on whichever node.
/// </summary>
public static class EraseAccount
{
    public sealed record Command(UserId Caller, DeviceId Device) : IRequest<Result>;

    /// <param name="Position">Up to where the log holds it.</param>
    public sealed record Result(LogPosition Position);

    /// <summary>There is nothing to check.</summary>
    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(
        IErasures erasures, Eraser eraser, IConversationWriter conversations, TimeProvider clock, ILogger<Handler> logger) : IRequestHandler<Command, Result>
    {
        /// <summary>How long the caller waits; the rest is left to the clock.</summary>
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            await erasures.RequestAsync(request.Caller, clock.GetUtcNow(), cancellationToken);
            using var limit = new CancellationTokenSource(Patience, clock); // A caller who goes away does not stop it.
            try
            {
                var (position, _) = await eraser.EraseAsync(request.Caller, new Actor(request.Caller, request.Device), limit.Token);
                return new Result(position > conversations.LastCommitted ? position : conversations.LastCommitted);
            }
            catch (OperationCanceledException) when (limit.IsCancellationRequested)
            {
                logger.LogInformation("The erasure of {User} takes longer than its caller waits, and goes on later.", request.Caller);
                return new Result(conversations.LastCommitted);
            }
        }
    }
}
