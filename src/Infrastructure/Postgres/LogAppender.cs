using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>Calls <c>log_append</c>.</summary>
internal sealed class LogAppender(NpgsqlDataSource database)
{
    private const string Append = "SELECT * FROM log_append($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    private const string Repeated =
        """
        SELECT r.ord::integer, max(l.position)
        FROM unnest($1, $2, $3) WITH ORDINALITY AS r(name, expected, count, ord)
        JOIN log_streams s ON s.name = r.name
        JOIN unnest($4, $5, $6) AS e(owner, index, id) ON e.owner = r.ord
        JOIN log_events l ON l.stream_key = s.key AND l.revision = r.expected + e.index + 1 AND l.event_id = e.id
        GROUP BY r.ord, r.count HAVING count(*) = r.count
        """;

    public async Task<IReadOnlyList<AppendOutcome>> AppendAsync(AppendBatch batch, CancellationToken cancellationToken)
    {
        var outcomes = new List<AppendOutcome>(batch.Names.Length);
        var mayRepeat = false;
        await using (var command = Streams(Append, batch))
        {
            Add(command, batch.Types, NpgsqlDbType.Text);
            Add(command, batch.Metadatas, NpgsqlDbType.Bytea);
            Add(command, batch.Payloads, NpgsqlDbType.Bytea);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                var (appended, revision) = (reader.GetBoolean(0), reader.GetInt64(1));
                mayRepeat |= !appended && revision >= batch.Expected[outcomes.Count] + batch.Counts[outcomes.Count];
                outcomes.Add(appended
                    ? new AppendOutcome.Appended(revision, new LogPosition((ulong)reader.GetInt64(2)))
                    : new AppendOutcome.Conflict(revision));
            }
        }

        if (mayRepeat)
            await RecogniseAsync(batch, outcomes, cancellationToken);
        return outcomes;
    }

    /// <summary>
    /// Finds repeated appends among the conflicts: all of their events are in the log at the expected place. They get
    /// the outcome of the first time.
    /// </summary>
    private async Task RecogniseAsync(
        AppendBatch batch, List<AppendOutcome> outcomes, CancellationToken cancellationToken)
    {
        await using var command = Streams(Repeated, batch);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var owner = reader.GetInt32(0) - 1;
            if (outcomes[owner] is AppendOutcome.Conflict)
            {
                outcomes[owner] = new AppendOutcome.Appended(
                    batch.Expected[owner] + batch.Counts[owner], new LogPosition((ulong)reader.GetInt64(1)));
            }
        }
    }

    private NpgsqlCommand Streams(string sql, AppendBatch batch)
    {
        var command = database.CreateCommand(sql);
        Add(command, batch.Names, NpgsqlDbType.Text);
        Add(command, batch.Expected, NpgsqlDbType.Bigint);
        Add(command, batch.Counts, NpgsqlDbType.Integer);
        Add(command, batch.Owners, NpgsqlDbType.Integer);
        Add(command, batch.Indexes, NpgsqlDbType.Integer);
        Add(command, batch.Ids, NpgsqlDbType.Uuid);
        return command;
    }

    private static void Add<T>(NpgsqlCommand command, T[] column, NpgsqlDbType type) =>
        command.Parameters.Add(
            new NpgsqlParameter<T[]> { TypedValue = column, NpgsqlDbType = NpgsqlDbType.Array | type });
}
