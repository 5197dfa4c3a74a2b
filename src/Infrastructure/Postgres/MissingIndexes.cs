using Microsoft.Extensions.Logging;
using Npgsql;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// Indexes that the tables of an earlier version lack, which may have very many rows: built before Marten's own upkeep, which would do so in the time of one
/// command and with all who write to the table waiting. The definitions are the tables' own, so that Marten finds nothing left to do.
/// </summary>
internal static class MissingIndexes
{
    private const string Schema = PostgresRegistration.Schema;

    /// <param name="session">A session that no other node works on the schema beside. It is in no transaction, as <c>CONCURRENTLY</c> wants it.</param>
    public static async Task BuildAsync(IEnumerable<Table> tables, NpgsqlConnection session, ILogger logger, CancellationToken cancellationToken)
    {
        var columns = await NamesAsync(
            session, $"SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = '{Schema}'", cancellationToken);
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
                continue; // It is not there, or not with all columns yet, which Marten adds first.
            foreach (var index in table.Indexes.Where(index => !indexes.Contains(index.Name)))
                await BuildAsync(table, index, session, logger, cancellationToken);
        }
    }

    /// <summary>Builds one beside those who read and write. A build that was cut short leaves an index behind that is not used, and is not taken for built.</summary>
    private static async Task BuildAsync(
        Table table, IndexDefinition index, NpgsqlConnection session, ILogger logger, CancellationToken cancellationToken)
    {
        logger.LogInformation(
            "The index {Index} of {Table} is built; this takes as long as there are rows, and as transactions that are under way.", index.Name, table.Identifier.Name);
        var create = index.ToCreateSql(table, true)
            .Replace(IndexDefinition.IndexCreationBeginComment, "", StringComparison.Ordinal)
            .Replace(IndexDefinition.IndexCreationEndComment, "", StringComparison.Ordinal);
        await ExecuteAsync(session, "SET lock_timeout = 0", cancellationToken); // A backup that is under way is waited for, and not after all has been built.
        await ExecuteAsync(session, $"DROP INDEX CONCURRENTLY IF EXISTS {Schema}.{index.QuotedName}", cancellationToken);
        await ExecuteAsync(session, create.Trim(), cancellationToken);
        await ExecuteAsync(session, "RESET lock_timeout", cancellationToken);
    }

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, session) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task<HashSet<string>> NamesAsync(NpgsqlConnection session, string sql, CancellationToken cancellationToken)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        await using var command = new NpgsqlCommand(sql, session);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            names.Add(row.GetString(0));
        return names;
    }
}
