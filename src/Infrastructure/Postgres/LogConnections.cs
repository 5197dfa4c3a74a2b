using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>The log's connections to the database. Whatever else is going on, an append finds one.</summary>
internal sealed class LogConnections(NpgsqlConnectionStringBuilder connection) : IAsyncDisposable
{
    /// <summary>Appends take turns anyhow; a few at once keep the line busy.</summary>
    private const int AppendsMax = 8;

    private const int ReadsMax = 8;

    /// <summary>
    /// No statement may keep the others waiting for long, commits are in order only when each statement sees what was committed before it, and the plan must
    /// not change with the statistics of a young table.
    /// </summary>
    private const string Settings =
        @"-c statement_timeout=10s -c lock_timeout=5s -c default_transaction_isolation=read\ committed"
        + " -c enable_seqscan=off -c plan_cache_mode=force_generic_plan -c jit=off";

    public NpgsqlDataSource Appends { get; } = Open(connection, AppendsMax, connectionsMin: 1, "log");

    public NpgsqlDataSource Reads { get; } = Open(connection, ReadsMax, connectionsMin: 0, "log-reader");

    public async ValueTask DisposeAsync()
    {
        await Appends.DisposeAsync();
        await Reads.DisposeAsync();
    }

    private static NpgsqlDataSource Open(NpgsqlConnectionStringBuilder connection, int connectionsMax, int connectionsMin, string name) =>
        NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connection.ConnectionString)
        {
            MaxPoolSize = connectionsMax,
            MinPoolSize = connectionsMin,
            Options = $"{connection.Options} {Settings}".Trim(),
            MaxAutoPrepare = 8,
            AutoPrepareMinUsages = 1,
            NoResetOnClose = true, // Nothing is set on a connection, and the reset is seven statements.
            CommandTimeout = 15,
            ApplicationName = $"{connection.ApplicationName}-{name}",
        });
}
