using Marten;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>Where a run is folded to: the views in use, or those of a rebuild.</summary>
/// <param name="Documents">Marten over the schema of the tables.</param>
/// <param name="Tables">Connections whose search path is that schema.</param>
/// <param name="IsRebuild">Whether nobody reads the tables yet.</param>
/// <param name="Epoch">The epoch of the leader that folds.</param>
internal sealed record ReadModelTarget(
    IDocumentStore Documents, NpgsqlDataSource Tables, StreamFacts Streams, bool IsRebuild, long Epoch);
