using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Users;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Projections.Inbox;
using ChatCqrs.Projections.Receipts;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Deletes rows of erased users from the tables that say so (<see cref="OnErasure.Deletes"/>), after each model's fold
/// of a run: of users who are erased in the run, and of those of whom it tells something though they were erased
/// before, since a request that was under way comes into the log after the erasure. So the views do not depend on where
/// runs end.
/// </summary>
/// <remarks>
/// Users who were erased before are looked up in the live <c>erased_users</c>, also in a rebuild. There it is ahead, so
/// that the rows go earlier.
/// </remarks>
/// <param name="session">That of one transaction.</param>
internal sealed class ErasedRows(ReadModelSession session)
{
    private readonly HashSet<Guid> _asked = [];
    private readonly HashSet<Guid> _erased = [];

    public async Task DeleteAsync(
        IReadModel model, IReadOnlyList<Recorded> facts, CancellationToken cancellationToken)
    {
        var tables = model.Tables.Where(table => table.OnErasure.DeletesBy is not null).ToList();
        if (tables.Count == 0)
            return;
        await LookUpAsync(facts, cancellationToken);
        if (_erased.Count == 0)
            return;
        foreach (var table in tables)
        {
            await using var command = session.Command(
                $"DELETE FROM {table.Name} WHERE {table.OnErasure.DeletesBy} = ANY ($1)", _erased.ToArray());
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    /// <summary>All models fold the same run, so all but the first ask for nobody.</summary>
    private async Task LookUpAsync(IReadOnlyList<Recorded> facts, CancellationToken cancellationToken)
    {
        foreach (var fact in facts.Where(fact => fact.Event is UserEvent.UserErased))
            _erased.Add(StreamName.IdOf(fact.Stream));
        var users = facts.SelectMany(UsersOf).Select(user => user.Value).Where(_asked.Add).ToArray();
        if (users.Length == 0)
            return;
        await using var command = session.Command(
            $"SELECT user_id FROM {PostgresRegistration.Schema}.erased_users WHERE user_id = ANY ($1)", users);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            _erased.Add(row.GetGuid(0));
    }

    /// <summary>The users to whom a model may give a row for a fact.</summary>
    private static IEnumerable<UserId> UsersOf(Recorded fact) => fact.Event switch
    {
        ConversationEvent.MessageSent e => [e.Sender],
        ConversationEvent => MembersProjection.KeysOf(fact).Select(key => key.User),
        ReceiptEvent => WatermarksProjection.KeysOf(fact).Select(key => key.User),
        UserEvent => [new UserId(StreamName.IdOf(fact.Stream))],
        _ => [],
    };
}
