using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Testing;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>Reads the tables of the read models directly.</summary>
internal sealed class Views(TestDatabase database) : IAsyncDisposable
{
    /// <summary>
    /// All tables but those that trims empty: a rebuild notes again what is trimmed already, and trimming it again
    /// changes nothing.
    /// </summary>
    private static readonly IReadOnlyList<string> Tables =
    [
        .. ReadModelFactory.CreateAll().SelectMany(model => model.Tables).Select(table => table.Name)
            .Where(name => name != TimelineTables.LogTrims.Name && name != ReceiptsModel.ReceiptTrims.Name),
    ];

    private readonly NpgsqlDataSource _source = NpgsqlDataSource.Create(database.ConnectionString);

    /// <summary>All rows of all views, without Marten's metadata columns.</summary>
    public async Task<IReadOnlyList<string>> DumpAsync()
    {
        var rows = new List<string>();
        foreach (var table in Tables)
        {
            rows.AddRange(await TextsAsync(
                $"""
                SELECT '{table} ' || (to_jsonb(t) - 'mt_last_modified' - 'mt_version' - 'mt_dotnet_type')::text
                FROM chat.{table} t ORDER BY 1
                """));
        }

        return rows;
    }

    public Task<List<string>> TextsAsync(string sql) => QueryAsync(sql, row => row.GetString(0));

    public async Task<long> NumberAsync(string sql) => (await QueryAsync(sql, row => row.GetInt64(0)))[0];

    public async Task ExecuteAsync(string sql)
    {
        await using var command = _source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>How many sessions of the database wait for a lock.</summary>
    public Task<long> WaitingForLocksAsync() => NumberAsync(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()");

    /// <summary>Terminates sessions, like a crash.</summary>
    public Task<long> KillAsync(string applicationName) => NumberAsync(
        $"""
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name = '{applicationName}' AND datname = current_database()
        """);

    /// <summary>The epoch of the last leader.</summary>
    public Task<long> EpochAsync() => NumberAsync("SELECT epoch FROM chat.checkpoints WHERE name = 'live'");

    public Task<long> KillRunnerAsync() => KillAsync(ReadModelDatabase.ApplicationName);

    public Task<long> KillLeaderLockAsync() => KillAsync(LeaderLock.ApplicationName);

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private async Task<List<T>> QueryAsync<T>(string sql, Func<NpgsqlDataReader, T> read)
    {
        var rows = new List<T>();
        await using var command = _source.CreateCommand(sql);
        await using var row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
            rows.Add(read(row));
        return rows;
    }
}
