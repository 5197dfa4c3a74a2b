using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// The log's own connection pools: appends, the writers' reads, the projections' reads, those of auditors and looks at
/// the log's end never wait for the connections of each other or of other work.
/// </summary>
internal sealed class LogConnections(NpgsqlConnectionStringBuilder connection) : IAsyncDisposable
{
    /// <summary>Appends run one after another in the database; a few at once hide the round trip.</summary>
    private const int AppendsMax = 8;

    private const int ReadsMax = 8;

    /// <summary>A page and a stream at a time for each of two: the runner, and the rebuild beside it.</summary>
    private const int FeedsMax = 4;

    private const int AuditsMax = 4;

    private const int LooksMax = 2;

    /// <summary>
    /// The timeouts bound how long a statement holds up the others. READ COMMITTED: each statement must see all earlier
    /// commits, or positions would not become visible in order. Generic plans do not depend on a new table's
    /// statistics.
    /// </summary>
    private const string Settings =
        @"-c statement_timeout=10s -c lock_timeout=5s -c default_transaction_isolation=read\ committed"
        + " -c enable_seqscan=off -c plan_cache_mode=force_generic_plan -c jit=off";

    public NpgsqlDataSource Appends { get; } = Open(connection, AppendsMax, connectionsMin: 1, "log");

    /// <summary>For the writers, who read streams.</summary>
    public NpgsqlDataSource Reads { get; } = Open(connection, ReadsMax, connectionsMin: 0, "log-reader");

    /// <summary>For the projections.</summary>
    public NpgsqlDataSource Feeds { get; } = Open(connection, FeedsMax, connectionsMin: 0, "log-feed");

    /// <summary>For those who read long parts of streams: auditors, exports, verification.</summary>
    public NpgsqlDataSource Audits { get; } = Open(connection, AuditsMax, connectionsMin: 0, "log-audit");

    /// <summary>For looks at what is new, by followers of the log and by health checks.</summary>
    public NpgsqlDataSource Looks { get; } = Open(connection, LooksMax, connectionsMin: 0, "log-look");

    public async ValueTask DisposeAsync()
    {
        await Appends.DisposeAsync();
        await Reads.DisposeAsync();
        await Feeds.DisposeAsync();
        await Audits.DisposeAsync();
        await Looks.DisposeAsync();
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
