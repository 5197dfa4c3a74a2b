using System.Runtime.CompilerServices;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Marten;

/// <summary>
/// The embedded log: tables in Marten's own schema on PostgreSQL. A batch over many streams is one call of one function. The function locks the
/// counter of positions first, so transactions commit in the order of their positions: a reader that has seen a position has seen all before it.
/// </summary>
public sealed class MartenEventStore : IEventStore, IAsyncDisposable
{
    /// <summary>How many events a subscription hands over at once.</summary>
    private const int PageSize = 2_000;

    /// <summary>How long a subscription waits before it looks for events that other nodes appended.</summary>
    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// For appends only: no statement may hold the counter for long, and its plan must not change with the statistics of a young table.
    /// </summary>
    private const string AppendOptions =
        "-c statement_timeout=10s -c lock_timeout=5s -c idle_in_transaction_session_timeout=10s -c enable_seqscan=off -c plan_cache_mode=force_generic_plan -c jit=off";

    private readonly NpgsqlDataSource _reads;
    private readonly NpgsqlDataSource _appends;
    private readonly string _schema;
    private TaskCompletionSource _appended = NewSignal();

    /// <param name="reads">The data source for everything but appends; not disposed here.</param>
    /// <param name="connection">Where the log is.</param>
    /// <param name="schema">The schema of its tables.</param>
    public MartenEventStore(NpgsqlDataSource reads, NpgsqlConnectionStringBuilder connection, string schema)
    {
        _reads = reads;
        _schema = schema;
        var appends = new NpgsqlConnectionStringBuilder(connection.ConnectionString)
        {
            MaxPoolSize = 8,
            MinPoolSize = 1,
            Options = $"{connection.Options} {AppendOptions}".Trim(),
            MaxAutoPrepare = 4,
            AutoPrepareMinUsages = 1,
            CommandTimeout = 15,
            ApplicationName = "chatcqrs-log",
        };
        _appends = NpgsqlDataSource.Create(appends);
    }

    public async Task<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<StreamAppend> appends, CancellationToken cancellationToken)
    {
        var batch = AppendBatch.Of(appends);
        var outcomes = await PostgresErrors.GuardAsync(() => CallAsync(batch, cancellationToken));
        Interlocked.Exchange(ref _appended, NewSignal()).TrySetResult();
        return outcomes;
    }

    public Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(
        string stream, long from, ReadDirection direction, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        var (comparison, order) = direction == ReadDirection.Forwards ? (">=", "") : ("<=", "DESC");
        return PostgresErrors.GuardAsync(() => ReadAsync(
            $"""
            SELECT $1, e.revision, e.position, e.event_id, e.type, e.payload, e.metadata
            FROM {_schema}.log_streams s JOIN {_schema}.log_events e ON e.stream_key = s.key
            WHERE s.name = $1 AND e.revision {comparison} $2 AND e.revision >= s.truncated_before
            ORDER BY e.revision {order} LIMIT $3
            """,
            [new() { Value = stream }, new() { Value = from }, new() { Value = limit }], cancellationToken));
    }

    public async IAsyncEnumerable<IReadOnlyList<StoredEvent>> SubscribeAllAsync(
        LogPosition after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            var appended = Volatile.Read(ref _appended).Task;
            var page = await PostgresErrors.GuardAsync(() => ReadAsync(
                $"""
                SELECT s.name, e.revision, e.position, e.event_id, e.type, e.payload, e.metadata
                FROM {_schema}.log_events e JOIN {_schema}.log_streams s ON s.key = e.stream_key
                WHERE e.position > $1 AND e.revision >= s.truncated_before ORDER BY e.position LIMIT $2
                """,
                [new() { Value = (long)after.Value }, new() { Value = PageSize }], cancellationToken));
            if (page.Count > 0)
            {
                after = page[^1].Position;
                yield return page;
            }

            if (page.Count < PageSize)
                await Task.WhenAny(appended, Task.Delay(PollEvery, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public Task<LogPosition> HeadAsync(CancellationToken cancellationToken) => PostgresErrors.GuardAsync(async () =>
    {
        await using var command = _reads.CreateCommand($"SELECT position FROM {_schema}.log_head WHERE id = 1");
        return new LogPosition((ulong)(await command.ExecuteScalarAsync(cancellationToken) as long? ?? 0));
    });

    public Task TruncateAsync(string stream, long before, CancellationToken cancellationToken) => PostgresErrors.GuardAsync(async () =>
    {
        await using var command = _reads.CreateCommand(
            $"""
            WITH stream AS (
                UPDATE {_schema}.log_streams SET truncated_before = greatest(truncated_before, least($2, revision + 1)) WHERE name = $1 RETURNING key, truncated_before
            )
            DELETE FROM {_schema}.log_events e USING stream s WHERE e.stream_key = s.key AND e.revision < s.truncated_before
            """);
        command.Parameters.Add(new() { Value = stream });
        command.Parameters.Add(new() { Value = before });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    });

    public ValueTask DisposeAsync() => _appends.DisposeAsync();

    private async Task<IReadOnlyList<AppendOutcome>> CallAsync(AppendBatch batch, CancellationToken cancellationToken)
    {
        await using var command = _appends.CreateCommand($"SELECT * FROM {_schema}.log_append($1, $2, $3, $4, $5, $6, $7, $8, $9)");
        var parameters = command.Parameters;
        parameters.Add(new NpgsqlParameter<string[]> { TypedValue = batch.Names, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        parameters.Add(new NpgsqlParameter<long[]> { TypedValue = batch.Expected, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        parameters.Add(new NpgsqlParameter<int[]> { TypedValue = batch.Counts, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer });
        parameters.Add(new NpgsqlParameter<int[]> { TypedValue = batch.Owners, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer });
        parameters.Add(new NpgsqlParameter<int[]> { TypedValue = batch.Indexes, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer });
        parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = batch.Ids, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid });
        parameters.Add(new NpgsqlParameter<string[]> { TypedValue = batch.Types, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        parameters.Add(new NpgsqlParameter<ReadOnlyMemory<byte>[]> { TypedValue = batch.Metadatas, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });
        parameters.Add(new NpgsqlParameter<ReadOnlyMemory<byte>[]> { TypedValue = batch.Payloads, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });

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

    private async Task<IReadOnlyList<StoredEvent>> ReadAsync(string sql, NpgsqlParameter[] parameters, CancellationToken cancellationToken)
    {
        await using var command = _reads.CreateCommand(sql);
        command.Parameters.AddRange(parameters);
        var events = new List<StoredEvent>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            events.Add(new StoredEvent(
                reader.GetString(0), reader.GetInt64(1), new LogPosition((ulong)reader.GetInt64(2)), reader.GetGuid(3), reader.GetString(4),
                reader.GetFieldValue<byte[]>(5), reader.GetFieldValue<byte[]>(6)));
        }

        return events;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
