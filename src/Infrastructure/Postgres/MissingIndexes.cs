using Microsoft.Extensions.Logging;
using Npgsql;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// Builds the indexes that tables of an earlier version lack, before Marten's own migration. The tables may have very
/// many rows: Marten would lock out writers while it builds, and give up after the timeout of one command. The
/// definitions are the tables' own, so Marten finds nothing left to do.
/// </summary>
internal static class MissingIndexes
{
    private const string Schema = PostgresRegistration.Schema;

    /// <param name="session">Holds the schema's lock; in no transaction (<c>CONCURRENTLY</c> allows none).</param>
    public static async Task BuildAsync(
        IEnumerable<Table> tables, NpgsqlConnection session, ILogger logger, CancellationToken cancellationToken)
    {
        var columns = await NamesAsync(
            session,
            $"SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = '{Schema}'",
            cancellationToken);
        var indexes = await NamesAsync(
            session,
            $"""
            SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = '{Schema}' AND i.indisvalid
            """,
            cancellationToken);
        foreach (var table in tables.Where(table => table.Identifier.Schema == Schema))
        {
            if (!table.Columns.All(column => columns.Contains($"{table.Identifier.Name}.{column.Name}")))
                continue; // The table or some of its columns are missing: Marten creates them, with their indexes.
            foreach (var index in table.Indexes.Where(index => !indexes.Contains(index.Name)))
                await BuildAsync(table, index, session, logger, cancellationToken);
        }
    }

    /// <summary>
    /// Builds an index without locking out readers and writers. An interrupted build leaves an invalid index; the next
    /// start drops it and builds again.
    /// </summary>
    private static async Task BuildAsync(
        Table table, IndexDefinition index, NpgsqlConnection session, ILogger logger,
        CancellationToken cancellationToken)
    {
        logger.LogInformation(
            "Building the index {Index} of {Table}. The time grows with the rows; open transactions are waited for.",
            index.Name, table.Identifier.Name);
        var create = index.ToCreateSql(table, true)
            .Replace(IndexDefinition.IndexCreationBeginComment, "", StringComparison.Ordinal)
            .Replace(IndexDefinition.IndexCreationEndComment, "", StringComparison.Ordinal);
        // No lock timeout: CONCURRENTLY waits for open transactions (a backup), and a timeout would discard the whole
        // build.
        await ExecuteAsync(session, "SET lock_timeout = 0", cancellationToken);
        await ExecuteAsync(
            session, $"DROP INDEX CONCURRENTLY IF EXISTS {Schema}.{index.QuotedName}", cancellationToken);
        await ExecuteAsync(session, create.Trim(), cancellationToken);
        await ExecuteAsync(session, "RESET lock_timeout", cancellationToken);
    }

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, session) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task<HashSet<string>> NamesAsync(
        NpgsqlConnection session, string sql, CancellationToken cancellationToken)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        await using var command = new NpgsqlCommand(sql, session);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            names.Add(row.GetString(0));
        return names;
    }
}
