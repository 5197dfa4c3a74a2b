using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.ReadModels;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// The schema in which a leader builds a model anew. It is named after the leader's epoch, so that no other leader's
/// tables are in it. Its session keeps truncations off, and ends with it.
/// </summary>
internal sealed class Shadow : IAsyncDisposable
{
    public const string ApplicationName = "chatcqrs-rebuild";

    private const string Live = PostgresRegistration.Schema;
    private const string Prefix = PostgresRegistration.Schema + "_rebuild";

    /// <summary>
    /// Readers that come while the tables change places wait so long at most. Less than PostgreSQL waits before it
    /// looks for deadlocks (1 s).
    /// </summary>
    private const string LockTimeout = "400ms";

    private readonly ReadModelDatabase _database;
    private readonly NpgsqlConnection _session;
    private readonly long _epoch;

    private Shadow(ReadModelDatabase database, NpgsqlConnection session, long epoch)
    {
        _database = database;
        _session = session;
        _epoch = epoch;
    }

    /// <summary>The schema of a leader's builds.</summary>
    public static string NameOf(long epoch) => $"{Prefix}_{epoch}";

    /// <summary>
    /// Opens the session of an empty schema, and waits for truncations that run to end. From then on the log's start
    /// stays where it is until the session ends.
    /// </summary>
    public static async Task<Shadow> OpenAsync(
        ReadModelDatabase database, long epoch, CancellationToken cancellationToken)
    {
        var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database.ConnectionString)
        {
            ApplicationName = ApplicationName,
            Pooling = false,
            CommandTimeout = 0, // The truncations that it waits for may go over many streams.
        }.ConnectionString);
        try
        {
            await session.OpenAsync(cancellationToken);
            await LogStarts.HoldAsync(session, cancellationToken);
            return new Shadow(database, session, epoch);
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Drops the schema of a leader's builds, and those that earlier leaders have left. Never that of a later one.
    /// </summary>
    public static async Task DropAsync(ReadModelDatabase database, long epoch, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        await using (var list = database.Source.CreateCommand(
            $"""
            SELECT nspname::text FROM pg_namespace
            WHERE nspname = '{Prefix}'
               OR nspname ~ '^{Prefix}_[0-9]+$' AND substr(nspname::text, {Prefix.Length + 2})::numeric <= $1
            """))
        {
            list.Parameters.Add(new() { Value = epoch });
            await using var row = await list.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken))
                names.Add(row.GetString(0));
        }

        foreach (var name in names)
            await ExecuteAsync(database, $"DROP SCHEMA IF EXISTS {name} CASCADE", cancellationToken);
    }

    /// <summary>Copies the rows of truncated events from a live table.</summary>
    public async Task TakeOverAsync(ReadModelTable table, CancellationToken cancellationToken)
    {
        await using var list = _database.Source.CreateCommand(
            """
            SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
            WHERE table_schema = $1 AND table_name = $2
            """);
        list.Parameters.Add(new() { Value = NameOf(_epoch) });
        list.Parameters.Add(new() { Value = table.Name });
        var columns = (string)(await list.ExecuteScalarAsync(cancellationToken))!;
        await ExecuteAsync(
            _database,
            $"INSERT INTO {NameOf(_epoch)}.{table.Name} ({columns}) "
            + $"SELECT {columns} FROM {Live}.{table.Name} t WHERE {table.TakenOver}",
            cancellationToken);
    }

    public Task AnalyzeAsync(IReadModel model, CancellationToken cancellationToken) => ExecuteAsync(
        _database, string.Join(';', model.Tables.Select(table => $"ANALYZE {NameOf(_epoch)}.{table.Name}")),
        cancellationToken);

    /// <summary>
    /// How far the build is, for operators. Written by the session that keeps truncations off: a build whose session has
    /// ended does not go on.
    /// </summary>
    public async Task ShowAsync(string model, LogPosition position, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "UPDATE checkpoints SET position = $2 WHERE name = $1", _session);
        command.Parameters.Add(new() { Value = Checkpoint.RebuildOf(model) });
        command.Parameters.Add(new() { Value = (decimal)position.Value });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>
    /// The new tables take the place of the old ones, in one transaction of the session that has kept truncations off
    /// since the build began.
    /// </summary>
    /// <param name="rebuilt">What the build has left out.</param>
    /// <param name="at">Where the live views are; held there meanwhile.</param>
    /// <exception cref="CheckpointMovedException">Another leader has moved the views, or taken them up.</exception>
    /// <exception cref="PostgresException">
    /// <see cref="PostgresErrorCodes.LockNotAvailable"/>: readers are in the way.
    /// </exception>
    public async Task SwitchAsync(
        IReadModel model, SetAside rebuilt, LogPosition at, CancellationToken cancellationToken)
    {
        await using var transaction = await _session.BeginTransactionAsync(cancellationToken);
        await Checkpoint.HoldAsync(_session, _epoch, at, cancellationToken);
        var tables = string.Join(", ", model.Tables.Select(table => $"{Live}.{table.Name}"));
        var moves = string.Join(
            ' ', model.Tables.Select(table => $"ALTER TABLE {NameOf(_epoch)}.{table.Name} SET SCHEMA {Live};"));
        await rebuilt.ReplaceAsync(_session, model.Name, cancellationToken);
        await using var command = new NpgsqlCommand(
            $"""
            SET LOCAL lock_timeout = '{LockTimeout}';
            SET LOCAL idle_in_transaction_session_timeout = '{(int)ReadModelDatabase.IdleMax.TotalSeconds}s';
            LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE;
            DROP TABLE {tables};
            {moves}
            DELETE FROM checkpoints WHERE name = '{Checkpoint.RebuildOf(model.Name)}';
            UPDATE checkpoints SET models = array_append(models, '{model.Name}')
            WHERE name = '{Checkpoint.Live}' AND NOT '{model.Name}' = ANY (models);
            """,
            _session);
        await command.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    public ValueTask DisposeAsync() => _session.DisposeAsync();

    /// <summary>
    /// Takes as long as the rows do: a rebuild that was given up for that would start again, and take no less. It ends
    /// with the leadership.
    /// </summary>
    private static async Task ExecuteAsync(
        ReadModelDatabase database, string sql, CancellationToken cancellationToken)
    {
        await using var command = database.Source.CreateCommand(sql);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
