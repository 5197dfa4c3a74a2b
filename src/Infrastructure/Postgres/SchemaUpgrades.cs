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

        // Before erased members were left out of unread counts, nothing said who they are.
        $"""
        DO $$ BEGIN
        IF to_regclass('{Schema}.mt_doc_users') IS NOT NULL AND to_regclass('{Schema}.mt_doc_members') IS NOT NULL
            AND to_regclass('{Schema}.erased_members') IS NULL THEN
            CREATE TABLE {Schema}.erased_users (
                user_id uuid NOT NULL, CONSTRAINT pkey_erased_users_user_id PRIMARY KEY (user_id));
            CREATE TABLE {Schema}.erased_members (
                conversation_id uuid NOT NULL, user_id uuid NOT NULL,
                CONSTRAINT pkey_erased_members_conversation_id_user_id PRIMARY KEY (conversation_id, user_id));
            INSERT INTO {Schema}.erased_users (user_id)
            SELECT u.id::uuid FROM {Schema}.mt_doc_users u WHERE u.data ->> 'erased_at' IS NOT NULL;
            INSERT INTO {Schema}.erased_members (conversation_id, user_id)
            SELECT m.conversation__id, m.user__id FROM {Schema}.mt_doc_members m
            JOIN {Schema}.erased_users e ON e.user_id = m.user__id;
        END IF;
        END $$
        """,

        // Before gone messages had narrow rows, an expiry left what they replied to and when they were deleted, and
        // rows of erased users that came after their erasure stayed.
        $"""
        DO $$ DECLARE name text; BEGIN
        IF to_regclass('{Schema}.timeline') IS NOT NULL AND to_regclass('{Schema}.gone_messages') IS NULL THEN
            IF 3 = (
                SELECT count(*) FROM information_schema.columns
                WHERE table_schema = '{Schema}' AND table_name = 'timeline'
                  AND column_name IN ('expired_at', 'reply_to', 'deleted_at')) THEN
                UPDATE {Schema}.timeline SET reply_to = NULL, deleted_at = NULL
                WHERE expired_at IS NOT NULL AND (reply_to IS NOT NULL OR deleted_at IS NOT NULL);
            END IF;
            FOREACH name IN ARRAY ARRAY['watchable', 'conversation_settings', 'watermarks', 'avatars'] LOOP
                IF to_regclass('{Schema}.erased_users') IS NOT NULL AND to_regclass('{Schema}.' || name) IS NOT NULL THEN
                    EXECUTE format('DELETE FROM {Schema}.%I t USING {Schema}.erased_users e WHERE e.user_id = t.user_id', name);
                END IF;
            END LOOP;
        END IF;
        END $$
        """,

        // Before sweeps deleted times of receipts, all were kept, and the numbers of all users and devices ever.
        $$"""
        DO $$ BEGIN
        IF to_regclass('{{Schema}}.watermarks') IS NOT NULL AND to_regclass('{{Schema}}.receipt_trims') IS NULL THEN
            CREATE TABLE {{Schema}}.receipt_trims (
                conversation_id uuid NOT NULL, position numeric(20,0) NOT NULL,
                CONSTRAINT pkey_receipt_trims_conversation_id PRIMARY KEY (conversation_id));
            INSERT INTO {{Schema}}.receipt_trims SELECT DISTINCT conversation_id, 0 FROM {{Schema}}.watermarks;
            IF to_regclass('{{Schema}}.mt_doc_users') IS NOT NULL THEN
                DELETE FROM {{Schema}}.watermarks w USING {{Schema}}.mt_doc_users u
                WHERE u.id = w.user_id::text AND u.data ->> 'erased_at' IS NOT NULL;
                UPDATE {{Schema}}.watermarks w SET devices = coalesce((
                    SELECT jsonb_object_agg(d.key, d.value) FROM jsonb_each(w.devices) d WHERE u.data -> 'devices' ? d.key), '{}')
                FROM {{Schema}}.mt_doc_users u
                WHERE u.id = w.user_id::text AND EXISTS (
                    SELECT FROM jsonb_object_keys(w.devices) d WHERE NOT u.data -> 'devices' ? d);
            END IF;
        END IF;
        END $$
        """,

        // Before audits, nothing said which message an entry changes but the entry's payload.
        $$"""
        DO $$ BEGIN
        IF to_regclass('{{Schema}}.timeline') IS NOT NULL AND NOT EXISTS (
            SELECT FROM information_schema.columns WHERE table_schema = '{{Schema}}' AND table_name = 'timeline' AND column_name = 'target_seq') THEN
            ALTER TABLE {{Schema}}.timeline ADD COLUMN target_seq bigint;
            UPDATE {{Schema}}.timeline
            SET target_seq = CASE kind WHEN 'messages_expired' THEN -2
                ELSE coalesce((convert_from(payload, 'UTF8')::jsonb ->> 'message_seq')::bigint, -1) END
            WHERE event IS NOT NULL;
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
