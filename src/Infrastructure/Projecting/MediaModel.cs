using ChatCqrs.Domain;
using ChatCqrs.Projections.Media;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>To which conversations each file was sent: rows, added where a message has a file, and taken away when it is deleted.</summary>
internal sealed class MediaModel : IReadModel
{
    public string Name => "media";
    public IReadOnlyList<string> Tables { get; } = ["media_references"];

    public IReadOnlyList<(string Table, string Rows)> TakenOver { get; } = [("media_references", TruncatedRows.Before("t.seq"))];

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
