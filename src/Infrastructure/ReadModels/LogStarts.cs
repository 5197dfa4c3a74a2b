using ChatCqrs.Domain;
using Marten;
using Npgsql;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.ReadModels;

/// <summary>
/// Where streams begin whose first events were truncated, and the hash that what is left is linked to. Not a view: nothing else tells it any more. A rebuild, which
/// reads the log from its start, takes what came before from the live views, and holds truncations off while it does.
/// </summary>
internal static class LogStarts
{
    public const string Table = "log_starts";

    /// <summary>The advisory lock that truncations share and a rebuild has alone: "ChatTrim" in ASCII.</summary>
    private const long Lock = 0x436861745472696d;

    public static void Register(StoreOptions options)
    {
        var table = new Table($"{options.DatabaseSchemaName}.{Table}");
        table.AddColumn("stream", "text").AsPrimaryKey();
        table.AddColumn("conversation_id", "uuid").NotNull();
        table.AddColumn("of_receipts", "boolean").NotNull();
        table.AddColumn("before", "bigint").NotNull(); // The first revision that is left.
        table.AddColumn("hash", "bytea").NotNull(); // Of the event before it.
        table.Indexes.Add(new IndexDefinition("log_starts_conversation").AgainstColumns("conversation_id"));
        options.Storage.ExtendedSchemaObjects.Add(table);
    }

    /// <returns>Whether truncations may go on until the session ends or gives it back; false while a read model is built anew.</returns>
    public static async Task<bool> TryShareAsync(NpgsqlConnection session, CancellationToken cancellationToken) =>
        await CallAsync(session, $"SELECT pg_try_advisory_lock_shared({Lock})", cancellationToken) is true;

    public static Task UnshareAsync(NpgsqlConnection session) => CallAsync(session, $"SELECT pg_advisory_unlock_shared({Lock})", CancellationToken.None);

    /// <summary>Holds truncations off until the session ends; waits for one that is under way.</summary>
    public static Task HoldAsync(NpgsqlConnection session, CancellationToken cancellationToken) =>
        CallAsync(session, $"SELECT pg_advisory_lock({Lock})", cancellationToken);

    /// <summary>Those of a run that their streams still hold: EventStoreDB hands out what was truncated until it is scavenged.</summary>
    public static async Task<IReadOnlyList<Recorded>> LeftOfAsync(
        IReadOnlyList<Recorded> facts, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"SELECT stream, before FROM {Table} WHERE stream = ANY ($1)");
        command.Parameters.Add(new() { Value = facts.Select(fact => fact.Stream).Distinct().ToArray() });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var starts = new Dictionary<string, long>();
        while (await row.ReadAsync(cancellationToken))
            starts.Add(row.GetString(0), row.GetInt64(1));
        return starts.Count == 0 ? facts : [.. facts.Where(fact => fact.Revision >= starts.GetValueOrDefault(fact.Stream))];
    }

    private static async Task<object?> CallAsync(NpgsqlConnection session, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, session);
        return await command.ExecuteScalarAsync(cancellationToken);
    }
}
