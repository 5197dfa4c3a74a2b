using ChatCqrs.Domain;
using ChatCqrs.Projections;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Folds a run of the log into Marten documents: loads and writes each touched view once. A document's id is its key as
/// text.
/// </summary>
internal static class DocumentFold<TKey, TView, TProjection>
    where TKey : notnull
    where TView : class
    where TProjection : IProjection<TKey, TView>
{
    public static async Task ApplyAsync(
        IReadOnlyList<Recorded> facts, ReadModelSession session, Func<TView, string> idOf,
        CancellationToken cancellationToken)
    {
        var keys = Folding<TKey, TView, TProjection>.KeysOf(facts).ToDictionary(key => key.ToString()!);
        if (keys.Count == 0)
            return;
        var loaded = await session.Documents.LoadManyAsync<TView>(cancellationToken, keys.Keys);
        var views = loaded.ToDictionary(view => keys[idOf(view)], view => (TView?)view);
        Folding<TKey, TView, TProjection>.Apply(facts, views);
        session.Documents.Store(views.Values.OfType<TView>());
        foreach (var (key, _) in views.Where(pair => pair.Value is null))
            session.Documents.Delete<TView>(key.ToString()!);
    }
}
