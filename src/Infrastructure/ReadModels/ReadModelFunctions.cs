using ChatCqrs.Projections.Inbox;
using Marten;
using Weasel.Core;
using Weasel.Core.Migrations;
using Weasel.Postgresql.Functions;

namespace ChatCqrs.Infrastructure.ReadModels;

/// <summary>
/// SQL functions over the tables of read models. PostgreSQL inlines them where they are called in <c>FROM</c>, so they
/// cost what the same text in the query would. Their bodies are stored as text, so a rebuild may replace the tables
/// (docs/adr/0016).
/// </summary>
/// <remarks>
/// The text before the body has the layout that PostgreSQL prints, so a start that finds the same text changes nothing.
/// </remarks>
internal sealed class ReadModelFunctions(StoreOptions options)
    : FeatureSchemaBase("read_model_functions", options.Advanced.Migrator)
{
    /// <summary>
    /// Few expired messages behind the first kept one: count and subtract them. So many: count the kept ones instead.
    /// </summary>
    internal const int ExpiredMax = 200;

    public static void Register(StoreOptions options) => options.Storage.Add(new ReadModelFunctions(options));

    /// <summary>PostgreSQL checks the bodies when it creates the functions, so the tables come first.</summary>
    public override IEnumerable<Type> DependentTypes() => [typeof(MemberView)];

    protected override IEnumerable<ISchemaObject> schemaObjects() =>
        [Members(options.DatabaseSchemaName), UnreadCount(options.DatabaseSchemaName)];

    /// <summary>
    /// Marten's documents of members as rows. This is the only place that names the columns which Marten duplicates
    /// (<c>conversation__id</c>, <c>user__id</c>) and reads the JSON beside them. <c>left_seq</c> is null for present
    /// members; <c>document</c> is the whole <see cref="MemberView"/>, with the earlier stays.
    /// </summary>
    private static Function Members(string schema) => Function.ForSql(
        $"""
        CREATE OR REPLACE FUNCTION {schema}.members()
         RETURNS TABLE(conversation_id uuid, user_id uuid, joined_seq bigint, left_seq bigint, document jsonb)
         LANGUAGE sql
         STABLE
        AS $function$
        SELECT m.conversation__id, m.user__id, (m.data ->> 'joined_seq')::bigint, (m.data ->> 'left_seq')::bigint, m.data
        FROM {schema}.mt_doc_members m
        $function$;
        """);

    /// <summary>
    /// Unread count = difference of <c>message_no</c> behind <c>after_seq</c>, minus own, deleted, expired and due
    /// messages and those of erased members (docs/adr/0013, 0086). <c>after_seq</c> is the read watermark, or the entry before the first one that the
    /// reader sees. One row.
    /// </summary>
    /// <remarks>
    /// The numbers are looked up at both ends of an index range; only deleted, expired and due messages are counted one
    /// by one. <c>OFFSET 0</c> makes PostgreSQL look the first kept message up once instead of in each term.
    /// </remarks>
    private static Function UnreadCount(string schema) => Function.ForSql(
        $"""
        CREATE OR REPLACE FUNCTION {schema}.unread_count(conversation uuid, reader uuid, after_seq bigint)
         RETURNS TABLE(messages bigint)
         LANGUAGE sql
         STABLE
        AS $function$
        SELECT CASE
            -- Many expired messages among kept ones (a timer was set later): count the kept messages.
            WHEN (SELECT count(*) FROM (
                SELECT FROM {schema}.timeline t
                WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.expired_at IS NOT NULL LIMIT {ExpiredMax}) expired) = {ExpiredMax}
            THEN (
                SELECT count(*) FROM {schema}.timeline t
                WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor <> ALL (seen.left_out) AND t.deleted_at IS NULL AND t.kept_until > now()
                  AND NOT ({RetentionRuleSql.IsDueIn(schema)}))
            ELSE
                -- All messages: the last number, minus the number before the first unseen entry.
                coalesce((
                    SELECT t.message_no FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation ORDER BY t.seq DESC LIMIT 1) - (
                    SELECT t.message_no - (t.message_id IS NOT NULL)::int FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq ORDER BY t.seq LIMIT 1), 0)
                -- Minus the reader's own: the same difference of author_no.
                - coalesce((
                    SELECT t.author_no FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor = reader AND t.message_id IS NOT NULL
                    ORDER BY t.seq DESC LIMIT 1) - (
                    SELECT t.author_no - 1 FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor = reader AND t.message_id IS NOT NULL
                    ORDER BY t.seq LIMIT 1), 0)
                -- Minus those of erased members: the same difference of each.
                - (SELECT coalesce(sum((
                    SELECT t.author_no FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor = e.user_id AND t.message_id IS NOT NULL
                    ORDER BY t.seq DESC LIMIT 1) - (
                    SELECT t.author_no - 1 FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor = e.user_id AND t.message_id IS NOT NULL
                    ORDER BY t.seq LIMIT 1)), 0)::bigint
                    FROM {schema}.erased_members e WHERE e.conversation_id = conversation AND e.user_id <> reader)
                -- Minus deleted messages that have not expired.
                - (SELECT count(*) FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor <> ALL (seen.left_out)
                      AND t.deleted_at IS NOT NULL AND t.expired_at IS NULL)
                -- Minus expired messages, deleted or not.
                - (SELECT count(*) FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor <> ALL (seen.left_out) AND t.expired_at IS NOT NULL)
                -- Minus messages that are due and not swept yet. One look shows whether the table has any.
                - CASE WHEN EXISTS (SELECT FROM {schema}.timeline t WHERE t.kept_until <= now()) THEN (
                    SELECT count(*) FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor <> ALL (seen.left_out)
                      AND t.deleted_at IS NULL AND t.kept_until <= now()) ELSE 0 END
                -- Minus messages that are due by a rule and whose rows do not say so yet.
                - CASE WHEN EXISTS (SELECT FROM {schema}.{RetentionRuleSql.Table} x WHERE x.conversation_id = conversation) THEN (
                    SELECT count(*) FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor <> ALL (seen.left_out)
                      AND t.deleted_at IS NULL AND t.kept_until > now() AND {RetentionRuleSql.IsDueIn(schema)}) ELSE 0 END
            END
        FROM (
            -- Messages that expired before the first kept one are skipped. Without a kept message nothing is unread.
            SELECT greatest(after_seq, coalesce((
                SELECT t.seq - 1 FROM {schema}.timeline t
                WHERE t.conversation_id = conversation AND t.kept_until IS NOT NULL ORDER BY t.seq LIMIT 1), {long.MaxValue})) AS seq,
                -- Whose messages do not count.
                ARRAY(SELECT reader UNION ALL SELECT e.user_id FROM {schema}.erased_members e
                    WHERE e.conversation_id = conversation AND e.user_id <> reader) AS left_out OFFSET 0
        ) seen
        $function$;
        """);
}
