using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Projections.Directory;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Who has an account: documents; and whose avatar a file is: rows. In the same transaction all nodes are told whose
/// blocks have changed, so that whatever a node remembers of them is forgotten even when the node that wrote the change
/// dies right after it.
/// </summary>
internal sealed class DirectoryModel : IReadModel
{
    public string Name => "directory";

    public IReadOnlyList<ReadModelTable> Tables { get; } =
    [
        new DocumentTable<UserView>("users")
        {
            Map = documents => documents.Identity(view => view.Id),
            TakenOver = TruncatedRows.None,
            OnErasure = OnErasure.Keeps("The fold empties the profile and notes the erasure."),
            InExport = InExport.Shows("profile"),
        },
        new RowTable("avatars")
        {
            Define = table =>
            {
                table.AddColumn("user_id", "uuid").AsPrimaryKey();
                table.AddColumn("file_id", "uuid").NotNull();
                table.Indexes.Add(new IndexDefinition("avatars_file").AgainstColumns("file_id"));
            },
            TakenOver = TruncatedRows.None,
            OnErasure = OnErasure.Deletes("user_id"),
            InExport = InExport.Shows("profile"),
        },
    ];

    /// <summary>Where nodes are told; the payload is the user whose blocks have changed.</summary>
    public const string BlocksChannel = PostgresRegistration.Schema + "_blocks";

    public int WeightOf(Recorded fact) => UsersProjection.KeysOf(fact).Count();

    public async Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        await DocumentFold<UserId, UserView, UsersProjection>.ApplyAsync(facts, session, view => view.Id, cancellationToken);
        await ChangeAvatarsAsync(facts, session, cancellationToken);
        await AskForErasuresAsync(facts, session, cancellationToken);
        var changed = facts.Where(fact => fact.Event is UserEvent.UserBlocked or UserEvent.UserUnblocked)
            .Select(fact => StreamName.IdOf(fact.Stream)).Distinct().ToArray();
        if (changed.Length == 0 || session.IsRebuild)
            return;
        await using var command = session.Command(
            $"SELECT pg_notify('{BlocksChannel}', id::text) FROM unnest($1) AS id", changed);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task ChangeAvatarsAsync(
        IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var changes = facts.Select(fact => fact.Event).OfType<UserEvent.ProfileChanged>()
            .GroupBy(change => change.User).Select(changes => changes.Last()).ToList();
        if (changes.Count == 0)
            return;
        var shown = changes.Where(change => change.Avatar is not null).ToList();
        await using var command = session.Command(
            """
            WITH hidden AS (DELETE FROM avatars WHERE user_id = ANY ($1))
            INSERT INTO avatars (user_id, file_id) SELECT * FROM unnest($2, $3)
            ON CONFLICT (user_id) DO UPDATE SET file_id = excluded.file_id
            """,
            changes.Where(change => change.Avatar is null).Select(change => change.User.Value).ToArray(),
            shown.Select(change => change.User.Value).ToArray(),
            shown.Select(change => change.Avatar!.Value.Value).ToArray());
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>
    /// The log says who was erased. Asked for again here, an erasure is also repeated where tables were restored from a
    /// time before it, and whoever rebuilds this model repeats them all: that changes nothing where they are finished.
    /// </summary>
    private static async Task AskForErasuresAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var erased = facts.Where(fact => fact.Event is UserEvent.UserErased).DistinctBy(fact => fact.Stream).ToList();
        if (erased.Count == 0)
            return;
        await using var command = session.Command(
            $"""
            INSERT INTO {PostgresRegistration.Schema}.erasures (user_id, requested_at) SELECT * FROM unnest($1, $2) ON CONFLICT (user_id) DO NOTHING
            """,
            erased.Select(fact => StreamName.IdOf(fact.Stream)).ToArray(), erased.Select(fact => fact.At.UtcDateTime).ToArray());
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
