using ChatCqrs.Infrastructure.Postgres;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>The runner's own connections to the database.</summary>
/// <param name="idleMax">Null for <see cref="IdleMax"/>.</param>
internal sealed class ReadModelDatabase(NpgsqlConnectionStringBuilder connection, TimeSpan? idleMax = null)
    : IAsyncDisposable
{
    /// <summary>
    /// How long a transaction may wait for the runner. A leader that hangs in the middle of one lets go of its rows
    /// after that; a run makes far less work between two statements.
    /// </summary>
    public static readonly TimeSpan IdleMax = TimeSpan.FromSeconds(10);

    public const string ApplicationName = "chatcqrs-projections";

    /// <summary>
    /// The runner looks rows up by their keys only, and its plans must not change with the statistics of a young table.
    /// </summary>
    private const string Options = "-c enable_seqscan=off -c plan_cache_mode=force_generic_plan -c jit=off";

    /// <summary>In milliseconds.</summary>
    private const string IdleOption = "-c idle_in_transaction_session_timeout=";

    /// <summary>
    /// How long one statement may take. Nobody waits for it, and one that always takes longer would be tried for ever;
    /// a server that does not answer is noticed by the leader's lock, which ends them all.
    /// </summary>
    private static readonly TimeSpan StatementMax = TimeSpan.FromMinutes(10);

    public string ConnectionString => connection.ConnectionString;

    /// <summary>Connections to the live tables.</summary>
    public NpgsqlDataSource Source { get; } = Open(connection, PostgresRegistration.Schema, idleMax ?? IdleMax);

    /// <summary>Connections to the tables of another schema, for a rebuild; the caller disposes them.</summary>
    public NpgsqlDataSource Open(string schema) => Open(connection, schema, idleMax ?? IdleMax);

    public ValueTask DisposeAsync() => Source.DisposeAsync();

    private static NpgsqlDataSource Open(NpgsqlConnectionStringBuilder connection, string schema, TimeSpan idleMax) =>
        NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connection.ConnectionString)
        {
            SearchPath = schema,
            Options = $"{connection.Options} {Options} {IdleOption}{(int)idleMax.TotalMilliseconds}".Trim(),
            MinPoolSize = 0,
            MaxPoolSize = 4,
            NoResetOnClose = true,
            CommandTimeout = (int)StatementMax.TotalSeconds,
            ApplicationName = ApplicationName,
        });
}
