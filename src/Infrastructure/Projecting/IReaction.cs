using ChatCqrs.Domain;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Stores follow-up work of events in the transaction that shows the events in the views, and so exactly once. A
/// rebuild does not repeat it.
/// </summary>
internal interface IReaction
{
    /// <summary>Runs after the views of a run are written and before the transaction commits.</summary>
    Task ApplyAsync(
        IReadOnlyList<Recorded> facts, ReadModelSession session, NpgsqlTransaction transaction,
        CancellationToken cancellationToken);
}
