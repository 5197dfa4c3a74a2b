using ChatCqrs.Domain;
using ChatCqrs.Projections;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Folds a run of the log into Marten documents: loads and writes each touched view once. A document's id is its key as
/// text. Many views are folded some at a time, so that the session is never idle for as long as many documents take.
/// </summary>
internal static class DocumentFold<TKey, TView, TProjection>
    where TKey : notnull
    where TView : class
    where TProjection : IProjection<TKey, TView>
{
    /// <summary>Views that are loaded, folded and written at once, at most.</summary>
    internal const int ViewsAtOnce = 1_000;

    public static async Task ApplyAsync(
        IReadOnlyList<Recorded> facts, ReadModelSession session, Func<TView, string> idOf,
        CancellationToken cancellationToken)
    {
        var keys = Folding<TKey, TView, TProjection>.KeysOf(facts);
        foreach (var some in keys.Chunk(ViewsAtOnce))
        {
            await FoldAsync(some, facts, session, idOf, cancellationToken);
            if (keys.Count > ViewsAtOnce)
                await session.Documents.SaveChangesAsync(cancellationToken);
        }
    }

    private static async Task FoldAsync(
        TKey[] some, IReadOnlyList<Recorded> facts, ReadModelSession session, Func<TView, string> idOf,
        CancellationToken cancellationToken)
    {
        var keys = some.ToDictionary(key => key.ToString()!);
        var loaded = await session.Documents.LoadManyAsync<TView>(cancellationToken, keys.Keys);
        var views = loaded.ToDictionary(view => keys[idOf(view)], view => (TView?)view);
        Folding<TKey, TView, TProjection>.Apply(facts, views, only: some.ToHashSet());
        session.Documents.Store(views.Values.OfType<TView>());
        foreach (var (key, _) in views.Where(pair => pair.Value is null))
            session.Documents.Delete<TView>(key.ToString()!);
    }
}
