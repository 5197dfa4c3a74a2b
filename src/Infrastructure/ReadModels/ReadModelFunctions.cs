using ChatCqrs.Projections.Inbox;
using Marten;
using Weasel.Core;
using Weasel.Core.Migrations;
using Weasel.Postgresql.Functions;

namespace ChatCqrs.Infrastructure.ReadModels;

/// <summary>
/// SQL functions over the read models' tables. PostgreSQL inlines them into the query that calls them, in <c>FROM</c>, so they cost what the same text in the
/// query would. It keeps their bodies as text, so the tables may change places under them in a rebuild (docs/adr/0016).
/// </summary>
/// <remarks>The text up to the body is laid out as PostgreSQL prints it: a start that finds the same text changes nothing.</remarks>
internal sealed class ReadModelFunctions(StoreOptions options) : FeatureSchemaBase("read_model_functions", options.Advanced.Migrator)
{
    /// <summary>
    /// Behind the first message that is kept, up to so many expired messages are counted to be subtracted. Where there are more, the kept messages are counted.
    /// </summary>
    internal const int ExpiredMax = 200;

    public static void Register(StoreOptions options) => options.Storage.Add(new ReadModelFunctions(options));

    /// <summary>PostgreSQL looks at the bodies when it creates them: after the tables.</summary>
    public override IEnumerable<Type> DependentTypes() => [typeof(MemberView)];

    protected override IEnumerable<ISchemaObject> schemaObjects() =>
        [Members(options.DatabaseSchemaName), UnreadCount(options.DatabaseSchemaName)];

    /// <summary>
    /// Marten's documents of members as rows: the one place that knows the columns which Marten duplicates (<c>conversation__id</c>, <c>user__id</c>) and the
    /// JSON beside them. <c>left_seq</c> is null for those who belong to the conversation now; <c>document</c> is the whole
    /// <see cref="MemberView"/>, with the earlier stays.
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
    /// How many messages of a conversation are unread for a reader who has read up to <c>after_seq</c>, or sees entries from the one behind it on. Unread are
    /// messages of others behind <c>after_seq</c> that are neither deleted nor expired nor due to expire. One row.
    /// </summary>
    /// <remarks>
    /// Every look is bounded by an index, except for the few deleted, expired or due messages that are counted one by one. <c>OFFSET 0</c> lets PostgreSQL look
    /// up the first kept message once, not in each term.
    /// </remarks>
    private static Function UnreadCount(string schema) => Function.ForSql(
        $"""
        CREATE OR REPLACE FUNCTION {schema}.unread_count(conversation uuid, reader uuid, after_seq bigint)
         RETURNS TABLE(messages bigint)
         LANGUAGE sql
         STABLE
        AS $function$
        SELECT CASE
            -- Many messages have expired among those that are kept (a timer shorter than the default): count the kept ones.
            WHEN (SELECT count(*) FROM (
                SELECT FROM {schema}.timeline t
                WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.expired_at IS NOT NULL LIMIT {ExpiredMax}) expired) = {ExpiredMax}
            THEN (
                SELECT count(*) FROM {schema}.timeline t
                WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor <> reader AND t.deleted_at IS NULL AND t.kept_until > now())
            ELSE
                -- All messages: the number of the last one, less the number before the first entry that was not seen.
                coalesce((
                    SELECT t.message_no FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation ORDER BY t.seq DESC LIMIT 1) - (
                    SELECT t.message_no - (t.message_id IS NOT NULL)::int FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq ORDER BY t.seq LIMIT 1), 0)
                -- The reader's own, by the same difference of the author's numbers.
                - coalesce((
                    SELECT t.author_no FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor = reader AND t.message_id IS NOT NULL
                    ORDER BY t.seq DESC LIMIT 1) - (
                    SELECT t.author_no - 1 FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor = reader AND t.message_id IS NOT NULL
                    ORDER BY t.seq LIMIT 1), 0)
                -- Deleted ones that have not expired.
                - (SELECT count(*) FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor <> reader
                      AND t.deleted_at IS NOT NULL AND t.expired_at IS NULL)
                -- Expired ones, deleted or not.
                - (SELECT count(*) FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor <> reader AND t.expired_at IS NOT NULL)
                -- Ones that are due and not swept. Between sweeps there are none in the whole table, which one look shows.
                - CASE WHEN EXISTS (SELECT FROM {schema}.timeline t WHERE t.kept_until <= now()) THEN (
                    SELECT count(*) FROM {schema}.timeline t
                    WHERE t.conversation_id = conversation AND t.seq > seen.seq AND t.actor <> reader
                      AND t.deleted_at IS NULL AND t.kept_until <= now()) ELSE 0 END
            END
        FROM (
            -- What has expired before the first kept message is passed over. Where none is kept, nothing is unread.
            SELECT greatest(after_seq, coalesce((
                SELECT t.seq - 1 FROM {schema}.timeline t
                WHERE t.conversation_id = conversation AND t.kept_until IS NOT NULL ORDER BY t.seq LIMIT 1), {long.MaxValue})) AS seq OFFSET 0
        ) seen
        $function$;
        """);
}
