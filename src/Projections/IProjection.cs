using ChatCqrs.Domain;

namespace ChatCqrs.Projections;

/// <summary>
/// A read model as a pure fold: which views an event touches, and what each becomes by it. Folding the log from its start always gives the same
/// views, however it is cut into batches.
/// </summary>
public interface IProjection<TKey, TView>
    where TKey : notnull
    where TView : class
{
    /// <summary>The keys of the views that an event touches; none for an event that the model does not care about.</summary>
    static abstract IEnumerable<TKey> KeysOf(Recorded fact);

    /// <param name="view">Null when there is none yet.</param>
    /// <returns>Null when the view is no more.</returns>
    static abstract TView? Evolve(TView? view, TKey key, Recorded fact);
}
