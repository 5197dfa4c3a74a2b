using ChatCqrs.Domain;
using Marten;
using Npgsql;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.ReadModels;

/// <summary>
/// The table of streams whose first events were truncated: the first revision that is left, and the hash that it is
/// linked to. It is not a view, since the log does not hold these facts any more. A rebuild takes the rows of truncated
/// events from the live views, and holds truncations off meanwhile (docs/adr/0081).
/// </summary>
internal static class LogStarts
{
    public const string Table = "log_starts";

    /// <summary>
    /// Conversations whose messages from before the start do not all have their narrow rows yet
    /// (<see cref="Retention.GoneMessages"/>).
    /// </summary>
    public const string IsUnmoved = "NOT of_receipts AND moved_before IS DISTINCT FROM before";

    /// <summary>The advisory lock that truncations share and a rebuild holds alone: "ChatTrim" in ASCII.</summary>
    private const long Lock = 0x436861745472696d;

    public static void Register(StoreOptions options)
    {
        var table = new Table($"{options.DatabaseSchemaName}.{Table}");
        table.AddColumn("stream", "text").AsPrimaryKey();
        table.AddColumn("conversation_id", "uuid").NotNull();
        table.AddColumn("of_receipts", "boolean").NotNull();
        table.AddColumn("before", "bigint").NotNull(); // The first revision that is left.
        table.AddColumn("hash", "bytea").NotNull(); // Of the event before it.
        table.AddColumn("moved_before", "bigint"); // The start up to which gone messages were moved; null for none.
        table.Indexes.Add(new IndexDefinition("log_starts_conversation").AgainstColumns("conversation_id"));
        var unmoved = new IndexDefinition("log_starts_unmoved") { Predicate = IsUnmoved };
        table.Indexes.Add(unmoved.AgainstColumns("conversation_id"));
        options.Storage.ExtendedSchemaObjects.Add(table);
    }

    /// <returns>
    /// True: truncations may run until the session ends or calls <see cref="UnshareAsync"/>. False: a rebuild is
    /// running.
    /// </returns>
    public static async Task<bool> TryShareAsync(NpgsqlConnection session, CancellationToken cancellationToken) =>
        await CallAsync(session, $"SELECT pg_try_advisory_lock_shared({Lock})", cancellationToken) is true;

    /// <summary>The same until the session's transaction ends.</summary>
    public static async Task<bool> TryShareInTransactionAsync(
        NpgsqlConnection session, CancellationToken cancellationToken) =>
        await CallAsync(session, $"SELECT pg_try_advisory_xact_lock_shared({Lock})", cancellationToken) is true;

    public static Task UnshareAsync(NpgsqlConnection session) =>
        CallAsync(session, $"SELECT pg_advisory_unlock_shared({Lock})", CancellationToken.None);

    /// <summary>Holds truncations off until the session ends. Waits for a running one to end.</summary>
    public static Task HoldAsync(NpgsqlConnection session, CancellationToken cancellationToken) =>
        CallAsync(session, $"SELECT pg_advisory_lock({Lock})", cancellationToken);

    /// <summary>
    /// Leaves truncated events out of a run: EventStoreDB delivers them until its files are scavenged.
    /// </summary>
    public static async Task<IReadOnlyList<Recorded>> LeftOfAsync(
        IReadOnlyList<Recorded> facts, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"SELECT stream, before FROM {Table} WHERE stream = ANY ($1)");
        command.Parameters.Add(new() { Value = facts.Select(fact => fact.Stream).Distinct().ToArray() });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var starts = new Dictionary<string, long>();
        while (await row.ReadAsync(cancellationToken))
            starts.Add(row.GetString(0), row.GetInt64(1));
        return starts.Count == 0
            ? facts
            : [.. facts.Where(fact => fact.Revision >= starts.GetValueOrDefault(fact.Stream))];
    }

    private static async Task<object?> CallAsync(
        NpgsqlConnection session, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, session);
        return await command.ExecuteScalarAsync(cancellationToken);
    }
}
