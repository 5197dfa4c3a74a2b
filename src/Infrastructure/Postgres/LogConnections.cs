using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>The log's own connection pools, so that appends never wait for the connections of other work.</summary>
internal sealed class LogConnections(NpgsqlConnectionStringBuilder connection) : IAsyncDisposable
{
    /// <summary>Appends run one after another in the database; a few at once hide the round trip.</summary>
    private const int AppendsMax = 8;

    private const int ReadsMax = 8;

    /// <summary>
    /// The timeouts bound how long a statement holds up the others. READ COMMITTED: each statement must see all earlier
    /// commits, or positions would not become visible in order. Generic plans do not depend on a new table's
    /// statistics.
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

    private static NpgsqlDataSource Open(
        NpgsqlConnectionStringBuilder connection, int connectionsMax, int connectionsMin, string name) =>
        NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connection.ConnectionString)
        {
            MaxPoolSize = connectionsMax,
            MinPoolSize = connectionsMin,
            Options = $"{connection.Options} {Settings}".Trim(),
            MaxAutoPrepare = 8,
            AutoPrepareMinUsages = 1,
            NoResetOnClose = true, // No statement changes the session, and a reset costs seven statements.
            CommandTimeout = 15,
            ApplicationName = $"{connection.ApplicationName}-{name}",
        });
}
