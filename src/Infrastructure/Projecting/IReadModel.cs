using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// A part of the read side that is folded, and rebuilt, as one. <see cref="ReadModelFactory"/> lists them;
/// docs/projections.md says how to add one.
/// </summary>
internal interface IReadModel
{
    /// <summary>Unique, and for ever: operators name it, and the database notes it.</summary>
    string Name { get; }

    /// <summary>The tables that the model alone writes; a rebuild replaces exactly these.</summary>
    IReadOnlyList<ReadModelTable> Tables { get; }

    /// <summary>
    /// Views that an event touches beyond the row or two that any event touches: those whose number grows with the
    /// event, and documents, which cost more than rows. Bounds a run (<see cref="LogFeed.RunViewsMax"/>).
    /// </summary>
    int WeightOf(Recorded fact);

    /// <summary>
    /// Folds a run of the log into the views, within the session's transaction. Rows of erased users are deleted after
    /// it.
    /// </summary>
    Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken);

    /// <summary>
    /// Forgets what it keeps in memory: the last transaction did not commit, or another node has led meanwhile.
    /// </summary>
    void Forget()
    {
    }
}
