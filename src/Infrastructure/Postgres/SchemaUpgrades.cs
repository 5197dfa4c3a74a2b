using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// Converts rows of earlier versions; Marten adds columns and indexes by itself. Each step runs where it finds the old
/// form, in one transaction, before Marten's own migration: a start that is interrupted can be repeated.
/// </summary>
internal static class SchemaUpgrades
{
    private const string Schema = PostgresRegistration.Schema;

    private static readonly string[] Steps =
    [
        // Before groups, the only updates in the timeline were beginnings of direct conversations, stored as their
        // members. Since then each update is stored as its event.
        $"""
        DO $$ BEGIN
        IF EXISTS (
            SELECT FROM information_schema.columns WHERE table_schema = '{Schema}' AND table_name = 'timeline' AND column_name = 'members') THEN
            ALTER TABLE {Schema}.timeline ADD COLUMN IF NOT EXISTS event text, ADD COLUMN IF NOT EXISTS payload bytea;
            UPDATE {Schema}.timeline SET event = 'conversation-started.v1',
                payload = convert_to(json_build_object('kind', 'direct', 'by', actor, 'members', to_json(members))::text, 'UTF8')
            WHERE kind = 'conversation_started' AND event IS NULL;
            ALTER TABLE {Schema}.timeline DROP COLUMN members;
        END IF;
        END $$
        """,

        // Before sweeps, all content was kept. Since then kept_until says how long.
        $"""
        DO $$ BEGIN
        IF to_regclass('{Schema}.timeline') IS NOT NULL AND NOT EXISTS (
            SELECT FROM information_schema.columns WHERE table_schema = '{Schema}' AND table_name = 'timeline' AND column_name = 'kept_until') THEN
            ALTER TABLE {Schema}.timeline ADD COLUMN kept_until timestamptz;
            UPDATE {Schema}.timeline SET kept_until = coalesce(expires_at, 'infinity') WHERE message_id IS NOT NULL;
        END IF;
        END $$
        """,
    ];

    public static async Task ApplyAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        foreach (var step in Steps)
        {
            await using var command = new NpgsqlCommand(step, connection) { CommandTimeout = 0 }; // Many rows.
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
