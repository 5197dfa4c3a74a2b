using ChatCqrs.Domain;

namespace ChatCqrs.Projections;

/// <summary>Folds a run of the log into the views that it changes.</summary>
public static class Folding<TKey, TView, TProjection>
    where TKey : notnull
    where TView : class
    where TProjection : IProjection<TKey, TView>
{
    /// <summary>The keys of the views that a run changes, once each.</summary>
    public static IReadOnlySet<TKey> KeysOf(IReadOnlyList<Recorded> facts) =>
        facts.SelectMany(TProjection.KeysOf).ToHashSet();

    /// <param name="views">
    /// The current views; absent keys have none yet. Updated in place; null for a view that no longer exists.
    /// </param>
    /// <param name="facts">The run, in log order.</param>
    /// <param name="each">Called for every step with the view before and after it; null for no calls.</param>
    /// <param name="only">The views to fold; null for all.</param>
    public static void Apply(
        IReadOnlyList<Recorded> facts, Dictionary<TKey, TView?> views, Action<TView?, TView?, Recorded>? each = null,
        IReadOnlySet<TKey>? only = null)
    {
        foreach (var fact in facts)
        {
            foreach (var key in TProjection.KeysOf(fact))
            {
                if (only?.Contains(key) == false)
                    continue;
                var before = views.GetValueOrDefault(key);
                var after = TProjection.Evolve(before, key, fact);
                views[key] = after;
                each?.Invoke(before, after, fact);
            }
        }
    }
}
