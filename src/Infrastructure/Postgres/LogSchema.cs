using Marten;
using Weasel.Postgresql.Functions;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// The log's tables and the function that appends to them; Marten's schema migration creates them beside the documents.
/// Appends only insert. Without updated rows there are no old row versions that a long transaction (a backup) could
/// pile up (docs/adr/0001).
/// </summary>
internal static class LogSchema
{
    /// <summary>The advisory lock that every append takes: an arbitrary number that no other lock uses.</summary>
    internal const long AppendLock = 7_021_932_718_293;

    // Formatted as PostgreSQL returns the function's source, so that the migration finds no difference.
    private const string Arguments = "names text[], expected bigint[], counts integer[], "
        + "owners integer[], indexes integer[], ids uuid[], types text[], metadatas bytea[], payloads bytea[]";

    public static void Register(StoreOptions options)
    {
        var schema = options.DatabaseSchemaName;
        options.Storage.ExtendedSchemaObjects.Add(Streams(schema));
        options.Storage.ExtendedSchemaObjects.Add(Events(schema));
        options.Storage.ExtendedSchemaObjects.Add(Floor(schema));
        options.Storage.ExtendedSchemaObjects.Add(Append(schema));
    }

    /// <summary>
    /// A stream's last revision is the revision of its last event, or <c>truncated_before - 1</c> where that is higher.
    /// </summary>
    private static Table Streams(string schema)
    {
        var table = new Table($"{schema}.log_streams");
        table.AddColumn("key", "bigserial").AsPrimaryKey();
        table.AddColumn("name", "text").NotNull();
        table.AddColumn("truncated_before", "bigint").NotNull().DefaultValueByExpression("0");
        table.Indexes.Add(new IndexDefinition("log_streams_name") { IsUnique = true }.AgainstColumns("name"));
        return table;
    }

    private static Table Events(string schema)
    {
        var table = new Table($"{schema}.log_events");
        table.AddColumn("position", "bigint").AsPrimaryKey();
        table.AddColumn("stream_key", "bigint").NotNull();
        table.AddColumn("revision", "bigint").NotNull();
        table.AddColumn("event_id", "uuid").NotNull();
        table.AddColumn("type", "text").NotNull();
        table.AddColumn("metadata", "bytea").NotNull();
        table.AddColumn("payload", "bytea").NotNull();
        table.Indexes.Add(
            new IndexDefinition("log_events_stream") { IsUnique = true }.AgainstColumns("stream_key", "revision"));
        return table;
    }

    /// <summary>
    /// At most one row: the position of the log's last event, if that was truncated. The next position is above it.
    /// </summary>
    private static Table Floor(string schema)
    {
        var table = new Table($"{schema}.log_floor");
        table.AddColumn("id", "smallint").AsPrimaryKey();
        table.AddColumn("position", "bigint").NotNull();
        return table;
    }

    /// <summary>
    /// Appends to many streams. The first three arrays have one element a stream, the others one an event. An event
    /// names its stream by ordinal, from 1, and its place among that stream's events, from 0. The lock is held until
    /// the commit is visible, so positions have no gaps and become visible in order. A repeated append comes back as a
    /// conflict: <see cref="LogAppender"/> then compares the events at that place by id, and if they are the same, the
    /// append was a retry whose first answer was lost.
    /// </summary>
    private static Function Append(string schema) => Function.ForSql(
        $$"""
        CREATE OR REPLACE FUNCTION {{schema}}.log_append({{Arguments}})
         RETURNS TABLE(appended boolean, revision bigint, "position" bigint)
         LANGUAGE plpgsql
        AS $function$
        DECLARE
            base bigint;
        BEGIN
            IF current_setting('synchronous_commit') = 'off' THEN
                PERFORM set_config('synchronous_commit', 'on', true);
            END IF;

            PERFORM pg_advisory_xact_lock({{AppendLock}});
            base := greatest(
                0, (SELECT max(l.position) FROM {{schema}}.log_events l), (SELECT f.position FROM {{schema}}.log_floor f WHERE f.id = 1));

            IF -1 = ANY (expected) THEN
                INSERT INTO {{schema}}.log_streams (name)
                SELECT r.name FROM unnest(names, expected) AS r(name, expected) WHERE r.expected = -1
                ON CONFLICT DO NOTHING;
            END IF;

            RETURN QUERY
            WITH requests AS MATERIALIZED (
                SELECT r.ord::integer AS ord, r.expected, r.count, s.key, greatest(
                    -1, s.truncated_before - 1, (SELECT max(l.revision) FROM {{schema}}.log_events l WHERE l.stream_key = s.key)) AS actual
                FROM unnest(names, expected, counts) WITH ORDINALITY AS r(name, expected, count, ord)
                LEFT JOIN {{schema}}.log_streams s ON s.name = r.name
            ), placed AS MATERIALIZED (
                SELECT r.*, r.actual = r.expected AS accepted,
                    (base + sum(CASE WHEN r.actual = r.expected THEN r.count ELSE 0 END) OVER (ORDER BY r.ord))::bigint AS last
                FROM requests r
            ), written AS (
                INSERT INTO {{schema}}.log_events (position, stream_key, revision, event_id, type, metadata, payload)
                SELECT p.last - p.count + e.index + 1, p.key, p.expected + e.index + 1, e.id, e.type, e.metadata, e.payload
                FROM unnest(owners, indexes, ids, types, metadatas, payloads) AS e(owner, index, id, type, metadata, payload)
                JOIN placed p ON p.ord = e.owner AND p.accepted
            )
            SELECT p.accepted, CASE WHEN p.accepted THEN p.expected + p.count ELSE p.actual END, CASE WHEN p.accepted THEN p.last ELSE 0 END
            FROM placed p ORDER BY p.ord;
        END
        $function$;
        """);
}
