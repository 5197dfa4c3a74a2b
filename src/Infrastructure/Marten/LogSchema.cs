using Marten;
using Weasel.Postgresql.Functions;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Marten;

/// <summary>
/// The log's tables and the one function that appends to it, kept up to date by Marten beside the documents. See docs/adr/0001-log-in-own-tables.md.
/// </summary>
internal static class LogSchema
{
    public static void Register(StoreOptions options)
    {
        var schema = options.DatabaseSchemaName;
        options.Storage.ExtendedSchemaObjects.Add(Streams(schema));
        options.Storage.ExtendedSchemaObjects.Add(Events(schema));
        options.Storage.ExtendedSchemaObjects.Add(Head(schema));
        options.Storage.ExtendedSchemaObjects.Add(Append(schema));
    }

    private static Table Streams(string schema)
    {
        var table = new Table($"{schema}.log_streams");
        table.AddColumn("key", "bigserial").AsPrimaryKey();
        table.AddColumn("name", "text").NotNull();
        table.AddColumn("revision", "bigint").NotNull();
        table.AddColumn("truncated_before", "bigint").NotNull().DefaultValueByExpression("0");
        table.WithFillFactor(70);
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
        table.Indexes.Add(new IndexDefinition("log_events_stream") { IsUnique = true }.AgainstColumns("stream_key", "revision"));
        return table;
    }

    /// <summary>One row: the position of the last event. Locking it puts commits in the order of positions.</summary>
    private static Table Head(string schema)
    {
        var table = new Table($"{schema}.log_head");
        table.AddColumn("id", "smallint").AsPrimaryKey();
        table.AddColumn("position", "bigint").NotNull();
        table.WithFillFactor(10);
        return table;
    }

    private static Function Append(string schema) => Function.ForSql(
        $$"""
        CREATE OR REPLACE FUNCTION {{schema}}.log_append(
            names text[], expected bigint[], counts integer[],
            owners integer[], indexes integer[], ids uuid[], types text[], metadatas bytea[], payloads bytea[])
        RETURNS TABLE(appended boolean, revision bigint, "position" bigint) LANGUAGE plpgsql AS $function$
        DECLARE
            base bigint;
        BEGIN
            LOOP
                SELECT h.position INTO base FROM {{schema}}.log_head h WHERE h.id = 1 FOR UPDATE;
                EXIT WHEN FOUND;
                INSERT INTO {{schema}}.log_head VALUES (1, 0) ON CONFLICT DO NOTHING;
            END LOOP;

            INSERT INTO {{schema}}.log_streams (name, revision)
            SELECT r.name, -1 FROM unnest(names, expected) AS r(name, expected) WHERE r.expected = -1
            ON CONFLICT DO NOTHING;

            RETURN QUERY
            WITH requests AS (
                SELECT r.ord::integer AS ord, r.expected, r.count, s.key, coalesce(s.revision, -1) AS actual
                FROM unnest(names, expected, counts) WITH ORDINALITY AS r(name, expected, count, ord)
                LEFT JOIN {{schema}}.log_streams s ON s.name = r.name
            ), accepted AS (
                SELECT r.ord, r.expected, r.count, r.key, (base + sum(r.count) OVER (ORDER BY r.ord))::bigint AS last
                FROM requests r WHERE r.actual = r.expected
            ), events AS (
                SELECT * FROM unnest(owners, indexes, ids, types, metadatas, payloads) AS e(owner, index, id, type, metadata, payload)
            ), written AS (
                INSERT INTO {{schema}}.log_events (position, stream_key, revision, event_id, type, metadata, payload)
                SELECT a.last - a.count + e.index + 1, a.key, a.expected + e.index + 1, e.id, e.type, e.metadata, e.payload
                FROM events e JOIN accepted a ON a.ord = e.owner
            ), moved AS (
                UPDATE {{schema}}.log_streams s SET revision = a.expected + a.count FROM accepted a WHERE s.key = a.key
            ), raised AS (
                UPDATE {{schema}}.log_head SET position = (SELECT max(a.last) FROM accepted a)
                WHERE id = 1 AND EXISTS (SELECT FROM accepted)
            ), repeated AS (
                SELECT r.ord, max(l.position) AS last
                FROM requests r
                JOIN events e ON e.owner = r.ord
                JOIN {{schema}}.log_events l ON l.stream_key = r.key AND l.revision = r.expected + e.index + 1 AND l.event_id = e.id
                WHERE r.actual >= r.expected + r.count
                GROUP BY r.ord, r.count HAVING count(*) = r.count
            )
            SELECT a.ord IS NOT NULL OR p.ord IS NOT NULL,
                   CASE WHEN a.ord IS NOT NULL OR p.ord IS NOT NULL THEN r.expected + r.count ELSE r.actual END,
                   coalesce(a.last, p.last, 0)
            FROM requests r LEFT JOIN accepted a ON a.ord = r.ord LEFT JOIN repeated p ON p.ord = r.ord
            ORDER BY r.ord;
        END
        $function$;
        """);
}
