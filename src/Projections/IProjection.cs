using ChatCqrs.Domain;

namespace ChatCqrs.Projections;

/// <summary>
/// A read model as a pure fold: the views that an event changes, and their next state. Folding the log from its start
/// gives the same views however it is cut into batches.
/// </summary>
public interface IProjection<TKey, TView>
    where TKey : notnull
    where TView : class
{
    /// <summary>The keys of the views that an event changes; empty for events that the read model ignores.</summary>
    static abstract IEnumerable<TKey> KeysOf(Recorded fact);

    /// <param name="view">The current view; null if there is none yet.</param>
    /// <returns>The next view; null to remove it.</returns>
    static abstract TView? Evolve(TView? view, TKey key, Recorded fact);
}
