using ChatCqrs.Domain;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// What must follow from recorded events, noted in the transaction in which the views show them, and so exactly once. A rebuild does not repeat it.
/// </summary>
internal interface IReaction
{
    /// <summary>Runs after the views of a run are written, and before they are committed.</summary>
    Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, NpgsqlTransaction transaction, CancellationToken cancellationToken);
}
