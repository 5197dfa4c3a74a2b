using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// What databases of earlier versions need beyond the columns and indexes that Marten adds by itself: rows that are brought into their new form. Each step
/// runs where its old form is found, in one transaction, before Marten's own upkeep; so a start that is cut short starts again.
/// </summary>
internal static class SchemaUpgrades
{
    private const string Schema = PostgresRegistration.Schema;

    private static readonly string[] Steps =
    [
        // Updates stand in the timeline as their events since groups came. Before, there were beginnings of direct conversations only, with their members.
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

        // Until when content is kept stands in a column of its own since sweeps came; before, everything was kept.
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
            await using var command = new NpgsqlCommand(step, connection) { CommandTimeout = 0 }; // As long as the rows take.
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
