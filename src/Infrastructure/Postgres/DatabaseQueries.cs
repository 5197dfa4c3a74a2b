using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// Runs statements on a connection of the pool. An unreachable database becomes a
/// <see cref="Application.Ports.StoreUnavailableException"/>.
/// </summary>
internal static class DatabaseQueries
{
    /// <returns>The number of affected rows.</returns>
    public static Task<int> ExecuteAsync(
        this NpgsqlDataSource database, string sql, CancellationToken cancellationToken, params object[] parameters) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var command = database.CreateCommand(sql);
            foreach (var parameter in parameters)
                command.Parameters.Add(parameter as NpgsqlParameter ?? new NpgsqlParameter { Value = parameter });
            return await command.ExecuteNonQueryAsync(cancellationToken);
        });

    public static Task<List<T>> QueryAsync<T>(
        this NpgsqlDataSource database, string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken,
        params object[] parameters) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var command = database.CreateCommand(sql);
            foreach (var parameter in parameters)
                command.Parameters.Add(parameter as NpgsqlParameter ?? new NpgsqlParameter { Value = parameter });
            var rows = new List<T>();
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
                rows.Add(read(reader));
            return rows;
        });
}
