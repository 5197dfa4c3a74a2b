using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ChatCqrs.Infrastructure.Reacting;

/// <summary>
/// Stores the wake-ups again that could not be stored, because Wolverine did not run, or that were lost. Those whose
/// messages are older than <see cref="WakeUps.AgeMax"/> are given up.
/// </summary>
internal sealed class OverdueWakeUps(
    ReactionHost reactions, NpgsqlDataSource database, TimeProvider clock, ILogger<OverdueWakeUps> logger)
    : BackgroundService
{
    /// <summary>Wake-ups that one look stores or gives up, at most.</summary>
    private const int AtOnce = 500;

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every);
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
        {
            try
            {
                if (reactions.IsRunning)
                    await RenewAsync(stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                logger.LogWarning("Overdue wake-ups cannot be renewed at the moment: {Reason}", exception.Message);
            }
        }
    }

    internal async Task RenewAsync(CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var (overdue, givenUp) = (new List<WakeUp>(), 0);
        await using (var command = new NpgsqlCommand(
            """
            WITH overdue AS MATERIALIZED (
                SELECT user_id, coalesce(since, due) < $2 AS is_old FROM push_pending
                WHERE is_unsent OR due < $3 ORDER BY due LIMIT $4 FOR UPDATE SKIP LOCKED
            ), given_up AS (
                DELETE FROM push_pending p USING overdue o WHERE p.user_id = o.user_id AND o.is_old RETURNING p.user_id
            ), renewed AS (
                UPDATE push_pending p SET due = $1, is_unsent = false FROM overdue o
                WHERE p.user_id = o.user_id AND NOT o.is_old RETURNING p.user_id, coalesce(p.since, p.due) AS since
            )
            SELECT user_id, since FROM renewed UNION ALL SELECT user_id, NULL FROM given_up
            """, connection))
        {
            command.Parameters.Add(new() { Value = now.UtcDateTime });
            command.Parameters.Add(new() { Value = (now - WakeUps.AgeMax).UtcDateTime });
            command.Parameters.Add(new() { Value = (now - WakeUps.LateMax).UtcDateTime });
            command.Parameters.Add(new() { Value = AtOnce });
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken))
            {
                if (row.IsDBNull(1))
                {
                    givenUp++;
                    continue;
                }

                overdue.Add(
                    new WakeUp(row.GetGuid(0), Guid.CreateVersion7(now), row.GetFieldValue<DateTimeOffset>(1)));
            }
        }

        if (overdue.Count > 0 && !await reactions.TryStoreAsync(transaction, overdue, now, cancellationToken))
            return;
        await transaction.CommitAsync(cancellationToken);
        if (givenUp > 0)
            WakeUps.GivenUp.Add(givenUp, new KeyValuePair<string, object?>("reason", "late"));
    }
}
