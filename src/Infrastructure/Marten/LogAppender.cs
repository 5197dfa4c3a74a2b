using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Marten;

/// <summary>Calls <c>log_append</c>, on connections of its own: whatever else is going on, an append finds one.</summary>
internal sealed class LogAppender : IAsyncDisposable
{
    /// <summary>Appends take turns anyhow; a few at once keep the line busy.</summary>
    private const int ConnectionsMax = 8;

    /// <summary>
    /// No statement may keep the others waiting for long, commits are in order only when each statement sees what was committed before it, and the plan must
    /// not change with the statistics of a young table.
    /// </summary>
    private const string Settings =
        @"-c statement_timeout=10s -c lock_timeout=5s -c default_transaction_isolation=read\ committed"
        + " -c enable_seqscan=off -c plan_cache_mode=force_generic_plan -c jit=off";

    private readonly NpgsqlDataSource _database;
    private readonly string _sql;

    public LogAppender(NpgsqlConnectionStringBuilder connection, string schema)
    {
        _sql = $"SELECT * FROM {schema}.log_append($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        _database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connection.ConnectionString)
        {
            MaxPoolSize = ConnectionsMax,
            MinPoolSize = 1,
            Options = $"{connection.Options} {Settings}".Trim(),
            MaxAutoPrepare = 4,
            AutoPrepareMinUsages = 1,
            CommandTimeout = 15,
            ApplicationName = $"{connection.ApplicationName}-log",
        });
    }

    public async Task<IReadOnlyList<AppendOutcome>> AppendAsync(AppendBatch batch, CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand(_sql);
        Add(command, batch.Names, NpgsqlDbType.Text);
        Add(command, batch.Expected, NpgsqlDbType.Bigint);
        Add(command, batch.Counts, NpgsqlDbType.Integer);
        Add(command, batch.Owners, NpgsqlDbType.Integer);
        Add(command, batch.Indexes, NpgsqlDbType.Integer);
        Add(command, batch.Ids, NpgsqlDbType.Uuid);
        Add(command, batch.Types, NpgsqlDbType.Text);
        Add(command, batch.Metadatas, NpgsqlDbType.Bytea);
        Add(command, batch.Payloads, NpgsqlDbType.Bytea);

        var outcomes = new List<AppendOutcome>(batch.Names.Length);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            outcomes.Add(reader.GetBoolean(0)
                ? new AppendOutcome.Appended(reader.GetInt64(1), new LogPosition((ulong)reader.GetInt64(2)))
                : new AppendOutcome.Conflict(reader.GetInt64(1)));
        }

        return outcomes;
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    private static void Add<T>(NpgsqlCommand command, T[] column, NpgsqlDbType type) =>
        command.Parameters.Add(new NpgsqlParameter<T[]> { TypedValue = column, NpgsqlDbType = NpgsqlDbType.Array | type });
}
