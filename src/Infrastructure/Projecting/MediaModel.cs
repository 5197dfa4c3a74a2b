using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Media;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// To which conversations each file was sent: rows, added where a message has a file, and taken away when it is
/// deleted.
/// </summary>
internal sealed class MediaModel : IReadModel
{
    public string Name => "media";

    public IReadOnlyList<ReadModelTable> Tables { get; } =
    [
        new RowTable("media_references")
        {
            Define = table =>
            {
                table.AddColumn("file_id", "uuid").AsPrimaryKey();
                table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
                table.AddColumn("seq", "bigint").AsPrimaryKey();
                table.AddColumn("message_id", "uuid").NotNull();
                table.AddColumn("at", "timestamptz").NotNull();
                table.Indexes.Add(new IndexDefinition("media_references_conversation").AgainstColumns("conversation_id", "seq"));
            },
            TakenOver = TruncatedRows.Before("t.seq"),
            OnErasure = OnErasure.Keeps("It names no user. The files of an erased user go with their uploads."),
            InExport = InExport.Leaves("Exported entries name their files."),
        },
    ];

    public int WeightOf(Recorded fact) =>
        fact.Event is ConversationEvent.MessageSent { Files: { } files } ? files.Count : 0;

    public async Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var changes = new MediaReferenceChanges();
        foreach (var fact in facts)
            changes.Apply(fact);
        if (changes.Deleted.Count > 0)
        {
            await session.Command(
                """
                DELETE FROM media_references r USING unnest($1, $2) AS gone(conversation_id, seq)
                WHERE r.conversation_id = gone.conversation_id AND r.seq = gone.seq
                """,
                changes.Deleted.Select(row => row.Conversation.Value).ToArray(), changes.Deleted.Select(row => row.Seq).ToArray())
                .ExecuteNonQueryAsync(cancellationToken);
        }

        if (changes.Added.Count > 0)
        {
            await session.Command(
                """
                INSERT INTO media_references (file_id, conversation_id, seq, message_id, at)
                SELECT * FROM unnest($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
                """,
                changes.Added.Select(row => row.File.Value).ToArray(), changes.Added.Select(row => row.Conversation.Value).ToArray(),
                changes.Added.Select(row => row.Seq).ToArray(), changes.Added.Select(row => row.Message.Value).ToArray(),
                changes.Added.Select(row => row.At.UtcDateTime).ToArray()).ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
