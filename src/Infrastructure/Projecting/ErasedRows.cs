using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Deletes the rows of users who are erased in a run, from the tables that say so (<see cref="OnErasure.Deletes"/>).
/// </summary>
internal static class ErasedRows
{
    public static async Task DeleteAsync(
        IReadModel model, IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var erased = facts.Where(fact => fact.Event is UserEvent.UserErased)
            .Select(fact => StreamName.IdOf(fact.Stream)).Distinct().ToArray();
        if (erased.Length == 0)
            return;
        foreach (var table in model.Tables)
        {
            if (table.OnErasure.DeletesBy is not { } column)
                continue;
            await using var command = session.Command($"DELETE FROM {table.Name} WHERE {column} = ANY ($1)", erased);
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
