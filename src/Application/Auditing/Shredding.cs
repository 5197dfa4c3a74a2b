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
    /// more often where several nodes erase at once. While any hold is in force, the secret is put aside until
    /// <see cref="SettleAsync"/>: messages that were sealed before may reach the log after it (docs/adr/0132).
    /// </summary>
    public async Task ShredAsync(UserId user, CancellationToken cancellationToken)
    {
        await keeping.RemoveAsync(
            async () =>
            {
                if ((await held.ScopesAsync(cancellationToken)).Count > 0)
                    await held.PutAsideAsync(user, cancellationToken);
                await sealer.ShredAsync(user, cancellationToken);
                return true;
            },
            cancellationToken);
        await NoteLimitsAsync(user, cancellationToken);
    }

    /// <summary>
    /// Keeps what has reached the log since a user's secret was shredded, and deletes what was put aside of it. No node
    /// can have sealed anything with it for a while. May be repeated.
    /// </summary>
    public async Task SettleAsync(UserId user, CancellationToken cancellationToken)
    {
        await keeping.RemoveAsync(
            async () =>
            {
                await held.DropAsideAsync(user, cancellationToken);
                return true;
            },
            cancellationToken);
        await NoteLimitsAsync(user, cancellationToken);
    }

    private async Task NoteLimitsAsync(UserId user, CancellationToken cancellationToken)
    {
        var holds = await held.LimitingAsync(user, cancellationToken);
        if (holds.Count == 0)
            return;
        await writer.AppendAsync(
            StreamName.Audit, now => new AuditEvent.ErasureLimited(user, holds) { At = now }, Actor.System,
            cancellationToken);
        await held.NoteLimitAsync(user, holds, cancellationToken);
    }
}
