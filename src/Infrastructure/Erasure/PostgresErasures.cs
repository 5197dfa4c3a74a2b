using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Npgsql;

namespace ChatCqrs.Infrastructure.Erasure;

/// <inheritdoc cref="IErasures"/>
internal sealed class PostgresErasures(NpgsqlDataSource database) : IErasures
{
    public Task RequestAsync(UserId user, DateTimeOffset at, CancellationToken cancellationToken) =>
        database.ExecuteAsync(
            "INSERT INTO erasures (user_id, requested_at) VALUES ($1, $2) ON CONFLICT (user_id) DO NOTHING",
            cancellationToken, user.Value, at.UtcDateTime);

    public async Task<IReadOnlyList<PendingErasure>> PendingAsync(
        PendingErasure? after, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        """
        SELECT user_id, requested_at FROM erasures WHERE (requested_at, user_id) > ($1, $2)
        ORDER BY requested_at, user_id LIMIT $3
        """,
        row => new PendingErasure(new UserId(row.GetGuid(0)), row.GetFieldValue<DateTimeOffset>(1)),
        cancellationToken, (after?.RequestedAt ?? DateTimeOffset.MinValue).UtcDateTime,
        after?.User.Value ?? Guid.Empty, limit);

    public Task FinishAsync(UserId user, CancellationToken cancellationToken) =>
        database.ExecuteAsync("DELETE FROM erasures WHERE user_id = $1", cancellationToken, user.Value);
}
