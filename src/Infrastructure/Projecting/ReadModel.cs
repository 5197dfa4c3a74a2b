using ChatCqrs.Domain;
using ChatCqrs.Projections;
using Marten;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>A part of the read side that is folded, and rebuilt, as one.</summary>
internal interface IReadModel
{
    string Name { get; }

    /// <summary>Its tables, without the schema; a rebuild replaces exactly these.</summary>
    IReadOnlyList<string> Tables { get; }

    /// <summary>Folds a run of the log into the views, within the session's transaction.</summary>
    Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken);

    /// <summary>Forgets what it keeps in memory: the last transaction did not commit.</summary>
    void Forget()
    {
    }
}

/// <summary>One transaction of the runner.</summary>
/// <param name="Schema">Where the tables are.</param>
internal sealed record ReadModelSession(IDocumentSession Documents, NpgsqlConnection Connection, string Schema);

/// <summary>Folds a run of the log into Marten documents: loads every touched view once, writes each that changed once.</summary>
internal static class DocumentFold<TView, TProjection>
    where TView : class
    where TProjection : IProjection<TView>
{
    /// <param name="idOf">The document's id.</param>
    /// <param name="each">Called for every step of a fold, with the view before and after.</param>
    public static async Task ApplyAsync(
        IReadOnlyList<Recorded> facts, ReadModelSession session, Func<TView, string> idOf, Action<TView?, TView?, Recorded>? each,
        CancellationToken cancellationToken)
    {
        var steps = new List<(string Key, Recorded Fact)>(facts.Count);
        foreach (var fact in facts)
        {
            foreach (var key in TProjection.KeysOf(fact))
                steps.Add((key, fact));
        }

        if (steps.Count == 0)
            return;
        var keys = steps.Select(step => step.Key).ToHashSet();
        var loaded = await session.Documents.LoadManyAsync<TView>(cancellationToken, keys);
        var views = loaded.ToDictionary(idOf, view => (TView?)view);
        foreach (var (key, fact) in steps)
        {
            var before = views.GetValueOrDefault(key);
            var after = TProjection.Evolve(before, key, fact);
            views[key] = after;
            each?.Invoke(before, after, fact);
        }

        session.Documents.Store(views.Values.OfType<TView>());
        foreach (var (key, _) in views.Where(pair => pair.Value is null))
            session.Documents.Delete<TView>(key);
    }
}
