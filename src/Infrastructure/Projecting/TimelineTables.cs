using ChatCqrs.Infrastructure.ReadModels;
using ChatCqrs.Projections.Timeline;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>The tables of <see cref="TimelineModel"/>.</summary>
internal static class TimelineTables
{
    /// <summary>
    /// One row an entry, but for messages that have expired and whose events the log has lost: nearly all of those are
    /// in <see cref="GoneMessages"/>. Types of messages are numbers of <see cref="Domain.Messages.MessageType"/>, which
    /// only grows at its end. A message has a <c>kept_until</c> while its content is kept, so that lists and sweeps
    /// pass over those that are gone without looking at them.
    /// </summary>
    public static readonly RowTable Timeline = new("timeline")
    {
        Define = table =>
        {
            table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
            table.AddColumn("seq", "bigint").AsPrimaryKey();
            table.AddColumn("kind", "text").NotNull();
            table.AddColumn("at", "timestamptz").NotNull();
            table.AddColumn("actor", "uuid");
            table.AddColumn("device", "uuid");
            table.AddColumn("message_id", "uuid");
            table.AddColumn("type", "smallint");
            table.AddColumn("bucket", "text");
            table.AddColumn("content", "bytea");
            table.AddColumn("reply_to", "uuid");
            table.AddColumn("expires_at", "timestamptz");
            table.AddColumn("event", "text"); // The wire name of an update, and its payload.
            table.AddColumn("payload", "bytea");
            table.AddColumn("edited_at", "timestamptz");
            table.AddColumn("deleted_at", "timestamptz");
            table.AddColumn("reactions", "jsonb");
            table.AddColumn("message_no", "bigint").NotNull();
            table.AddColumn("author_no", "bigint");
            table.AddColumn("expired_at", "timestamptz");
            table.AddColumn("kept_until", "timestamptz");
            table.AddColumn("votes", "jsonb");
            table.AddColumn("target_seq", "bigint"); // TimelineProjection.TargetOf
            Index(table, "timeline_authors", "message_id IS NOT NULL", "conversation_id", "actor", "seq");
            Index(table, "timeline_deleted", "deleted_at IS NOT NULL", "conversation_id", "seq");
            Index(table, "timeline_expired", "expired_at IS NOT NULL", "conversation_id", "seq");
            Index(table, "timeline_kept", "kept_until IS NOT NULL", "conversation_id", "seq");
            Index(table, "timeline_unread", "kept_until IS NOT NULL AND deleted_at IS NULL", "conversation_id", "actor", "seq");
            Index(table, "timeline_due", "kept_until IS NOT NULL", "kept_until");
            Index(table, "timeline_targets", "target_seq IS NOT NULL", "conversation_id", "target_seq", "seq");
        },
        TakenOver = TruncatedRows.Before("t.seq"),
        OnErasure = OnErasure.Keeps("Seqs have no gaps. Contents are sealed under their author's key, which is shredded."),
        InExport = InExport.Shows("entries"),
    };

    /// <summary>
    /// Where every message id went, by which retries are recognised for ever; but for those of
    /// <see cref="GoneMessages"/>.
    /// </summary>
    public static readonly RowTable MessageIds = new("message_ids")
    {
        Define = table =>
        {
            table.AddColumn("message_id", "uuid").AsPrimaryKey();
            table.AddColumn("sender", "uuid").AsPrimaryKey();
            table.AddColumn("conversation_id", "uuid").NotNull();
            table.AddColumn("seq", "bigint").NotNull();
            table.AddColumn("sent_at", "timestamptz").NotNull();
            table.AddColumn("fingerprint", "uuid").NotNull();
        },
        TakenOver = TruncatedRows.Before("t.seq"),
        OnErasure = OnErasure.Keeps("A retry is recognised for ever. The fingerprint is keyed, and tells no content."),
        InExport = InExport.Leaves("The ids are those of the exported entries."),
    };

    /// <summary>
    /// The place and the id of a message whose content has expired and whose event the log has lost: what stays of it
    /// for ever (docs/adr/0084). The sweep moves the rows here; the fold asks for ids alone. No more than eight
    /// columns, the longer ones first: PostgreSQL then adds the fewest bytes of its own. The fingerprint is null where
    /// the id belongs to another message of the sender's (<see cref="TimelineModel"/>).
    /// </summary>
    public static readonly RowTable GoneMessages = new("gone_messages")
    {
        Define = table =>
        {
            table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
            table.AddColumn("seq", "bigint").AsPrimaryKey();
            table.AddColumn("sent_at", "timestamptz").NotNull();
            table.AddColumn("expires_at", "timestamptz");
            table.AddColumn("message_id", "uuid").NotNull();
            table.AddColumn("fingerprint", "uuid");
            table.AddColumn("author", "integer").NotNull();
            table.AddColumn("type", "smallint").NotNull();
            table.Indexes.Add(new IndexDefinition("gone_messages_ids").AgainstColumns("message_id"));
        },
        TakenOver = TruncatedRows.Before("t.seq"),
        OnErasure = OnErasure.Keeps("Seqs have no gaps, and a retry is recognised for ever. No content is here."),
        InExport = InExport.Shows("entries"),
    };

    /// <summary>
    /// Who sent gone messages, and from which device: a number for each in a conversation, from 1 on.
    /// </summary>
    public static readonly RowTable GoneAuthors = new("gone_authors")
    {
        Define = table =>
        {
            table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
            table.AddColumn("author", "integer").AsPrimaryKey();
            table.AddColumn("user_id", "uuid").NotNull();
            table.AddColumn("device", "uuid").NotNull();
        },
        TakenOver = TruncatedRows.Conversation("t.conversation_id"),
        OnErasure = OnErasure.Keeps("Seqs have no gaps. It says who sent messages that are gone."),
        InExport = InExport.Leaves("Exported entries name their author."),
    };

    /// <summary>
    /// Conversations whose log begins with messages that are gone, and the entry by which the last of them went.
    /// </summary>
    public static readonly RowTable LogTrims = new("log_trims")
    {
        Define = table =>
        {
            table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
            table.AddColumn("expiry_seq", "bigint").NotNull();
        },
        TakenOver = TruncatedRows.Conversation("t.conversation_id"),
        OnErasure = OnErasure.Keeps("It says nothing about a user."),
        InExport = InExport.Leaves("It says nothing about a user."),
    };

    /// <summary>
    /// Shorter times that are not in the messages' rows yet, one row a conversation: as many of each array as there are
    /// rules (<see cref="RetentionRule"/>). Rules of truncated events speak of messages that are gone.
    /// </summary>
    public static readonly RowTable RetentionRules = new(RetentionRuleSql.Table)
    {
        Define = table =>
        {
            table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
            table.AddColumn("from_seqs", "bigint[]").NotNull();
            table.AddColumn("before_seqs", "bigint[]").NotNull();
            table.AddColumn("messages", "bigint[]").NotNull();
            table.AddColumn("kept_ms", "bigint[]").NotNull();
            table.AddColumn("shown_ms", "bigint[]").NotNull();
        },
        TakenOver = TruncatedRows.None,
        OnErasure = OnErasure.Keeps("It says nothing about a user."),
        InExport = InExport.Leaves("Exported entries say their times."),
    };

    private static void Index(Table table, string name, string predicate, params string[] columns) =>
        table.Indexes.Add(new IndexDefinition(name) { Predicate = predicate }.AgainstColumns(columns));
}
