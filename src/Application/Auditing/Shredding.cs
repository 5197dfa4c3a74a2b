using ChatCqrs.Application.Holds;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;

namespace ChatCqrs.Application.Auditing;

/// <summary>
/// Shreds secrets after <see cref="Keeping"/> has put into escrow what holds cover. Nothing else may shred: a test
/// compares the callers.
/// </summary>
public sealed class Shredding(Keeping keeping, IContentSealer sealer, IHeld held, AuditWriter writer)
{
    /// <inheritdoc cref="IContentSealer.ShredEndedAsync"/>
    public Task<int> ShredEndedAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        keeping.RemoveAsync(() => sealer.ShredEndedAsync(now, limit, cancellationToken), cancellationToken);

    /// <summary>
    /// Shreds a user's secret. Where a hold keeps content of the user, <c>erasure-limited.v1</c> notes it: once, or
    /// more often where several nodes erase at once.
    /// </summary>
    public async Task ShredAsync(UserId user, CancellationToken cancellationToken)
    {
        await keeping.RemoveAsync(
            async () =>
            {
                await sealer.ShredAsync(user, cancellationToken);
                return true;
            },
            cancellationToken);
        var holds = await held.LimitingAsync(user, cancellationToken);
        if (holds.Count == 0)
            return;
        await writer.AppendAsync(
            StreamName.Audit, now => new AuditEvent.ErasureLimited(user, holds) { At = now }, Actor.System,
            cancellationToken);
        await held.NoteLimitAsync(user, holds, cancellationToken);
    }
}
