using ChatCqrs.Application.Ports;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// Deletes exports whose time is over, and hands those over again whose job was lost. Sent by the clock; it may be
/// repeated, or end anywhere.
/// </summary>
public static class SweepExports
{
    /// <summary>Exports of either kind in one run; the next run goes on.</summary>
    private const int AtOnce = 100;

    /// <summary>A running export notes its progress every second; without any for so long its job is lost.</summary>
    private static readonly TimeSpan StalledAfter = TimeSpan.FromMinutes(5);

    public sealed record Command : IRequest<Unit>;

    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(IAuditExports exports, IExportQueue queue, ExportFiles files, TimeProvider clock)
        : IRequestHandler<Command, Unit>
    {
        public async Task<Unit> Handle(Command request, CancellationToken cancellationToken)
        {
            var now = clock.GetUtcNow();
            foreach (var export in await exports.ExpiredAsync(now, AtOnce, cancellationToken))
            {
                await files.DeleteAsync(export, _ => true, cancellationToken);
                await exports.DeleteAsync(export, cancellationToken);
            }

            foreach (var export in await exports.StalledAsync(now - StalledAfter, AtOnce, cancellationToken))
                await queue.AddAsync(export);
            return Unit.Value;
        }
    }
}
