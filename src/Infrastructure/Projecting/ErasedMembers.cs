using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using ChatCqrs.Projections.Inbox;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Members, current or former, whose accounts are erased: their messages are unread for nobody (docs/adr/0086). A row a
/// conversation and erased user, however much the user wrote.
/// </summary>
internal static class ErasedMembers
{
    public static readonly IReadOnlyList<ReadModelTable> Tables =
    [
        new RowTable("erased_members")
        {
            Define = table =>
            {
                table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
                table.AddColumn("user_id", "uuid").AsPrimaryKey();
            },
            TakenOver = TruncatedRows.Conversation("t.conversation_id"),
            OnErasure = OnErasure.Keeps("It says whose messages are erased, under an id that leads to nobody."),
            InExport = InExport.Leaves("Whoever is in it has no account any more."),
        },
        new RowTable("erased_users")
        {
            Define = table => table.AddColumn("user_id", "uuid").AsPrimaryKey(),
            TakenOver = TruncatedRows.None,
            OnErasure = OnErasure.Keeps("It says that the account is erased, under an id that leads to nobody."),
            InExport = InExport.Leaves("Whoever is in it has no account any more."),
        },
    ];

    /// <summary>
    /// Notes erased users with the members that are saved, and with those of the run. One who becomes a member later,
    /// by a request that was under way, is noted then.
    /// </summary>
    public static async Task ApplyAsync(
        IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var erased = facts.Where(fact => fact.Event is UserEvent.UserErased)
            .Select(fact => StreamName.IdOf(fact.Stream)).Distinct().ToArray();
        var members = facts.SelectMany(MembersProjection.KeysOf).Distinct().ToList();
        if (erased.Length == 0 && members.Count == 0)
            return;
        await using var command = session.Command(
            """
            WITH noted AS (INSERT INTO erased_users (user_id) SELECT * FROM unnest($1) ON CONFLICT DO NOTHING)
            INSERT INTO erased_members (conversation_id, user_id)
            SELECT m.conversation__id, m.user__id FROM mt_doc_members m WHERE m.user__id = ANY ($1)
            UNION
            SELECT added.conversation_id, added.user_id FROM unnest($2, $3) AS added(conversation_id, user_id)
            WHERE added.user_id = ANY ($1) OR EXISTS (SELECT FROM erased_users e WHERE e.user_id = added.user_id)
            ON CONFLICT DO NOTHING
            """,
            erased, members.Select(key => key.Conversation.Value).ToArray(),
            members.Select(key => key.User.Value).ToArray());
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
