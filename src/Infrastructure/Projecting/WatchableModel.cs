using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Presence;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// In which conversations a user's presence may be watched: rows, so that a look at many pairs of users reads no
/// messages (docs/adr/0046).
/// </summary>
internal sealed class WatchableModel : IReadModel
{
    public string Name => "watchable";

    public IReadOnlyList<ReadModelTable> Tables { get; } =
    [
        new RowTable("watchable")
        {
            Define = table =>
            {
                table.AddColumn("user_id", "uuid").AsPrimaryKey();
                table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
                table.AddColumn("put_by", "uuid");
            },
            TakenOver = TruncatedRows.Conversation("t.conversation_id"),
            OnErasure = OnErasure.Deletes("user_id"),
            InExport = InExport.Leaves("The exported conversations and entries say the same."),
        },
    ];

    public int WeightOf(Recorded fact) =>
        fact.Event is ConversationEvent.ConversationStarted { Kind: ConversationKind.Group } e ? e.Members.Length : 0;

    public async Task ApplyAsync(
        IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var changes = new WatchableChanges();
        foreach (var fact in facts)
            changes.Apply(fact);

        var gone = changes.Gone.ToList();
        if (gone.Count > 0)
        {
            await session.Command(
                """
                DELETE FROM watchable w USING unnest($1, $2) AS gone(user_id, conversation_id)
                WHERE w.user_id = gone.user_id AND w.conversation_id = gone.conversation_id
                """,
                gone.ConvertAll(key => key.User.Value).ToArray(),
                gone.ConvertAll(key => key.Conversation.Value).ToArray()).ExecuteNonQueryAsync(cancellationToken);
        }

        var come = changes.Come.ToList();
        if (come.Count > 0)
        {
            await session.Command(
                """
                INSERT INTO watchable (user_id, conversation_id, put_by) SELECT * FROM unnest($1, $2, $3::uuid[])
                ON CONFLICT (user_id, conversation_id) DO UPDATE SET put_by = excluded.put_by
                """,
                come.ConvertAll(row => row.Key.User.Value).ToArray(),
                come.ConvertAll(row => row.Key.Conversation.Value).ToArray(),
                new NpgsqlParameter
                {
                    Value = come.ConvertAll(row => row.PutBy?.Value).ToArray(),
                    NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid,
                }).ExecuteNonQueryAsync(cancellationToken);
        }

        if (changes.Written.Count > 0)
        {
            await session.Command(
                "INSERT INTO watchable (user_id, conversation_id) SELECT * FROM unnest($1, $2) ON CONFLICT DO NOTHING",
                changes.Written.Select(key => key.User.Value).ToArray(),
                changes.Written.Select(key => key.Conversation.Value).ToArray())
                .ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
