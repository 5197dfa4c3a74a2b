using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>Notes in the log that matters have ended. They end by their time, whether it is noted or not.</summary>
public static class EndMatters
{
    public sealed record Command : IRequest<Result>;

    public sealed record Result(int Ended);

    /// <summary>Nothing to validate.</summary>
    internal sealed class Validator : FluentValidation.AbstractValidator<Command>;

    internal sealed class Handler(IAuditViews views, AuditWriter writer, TimeProvider clock)
        : IRequestHandler<Command, Result>
    {
        private const int StepMax = 200;

        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var due = await views.EndedMattersAsync(clock.GetUtcNow(), StepMax, cancellationToken);
            foreach (var id in due)
                await writer.WriteAsync(id, new MatterCommand.End(), Actor.System, cancellationToken);
            return new Result(due.Count);
        }
    }
}
