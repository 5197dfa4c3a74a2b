using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>A part of the read side that is folded, and rebuilt, as one.</summary>
internal interface IReadModel
{
    string Name { get; }

    /// <summary>Its tables, without the schema; a rebuild replaces exactly these.</summary>
    IReadOnlyList<string> Tables { get; }

    /// <summary>
    /// What a rebuild takes over from the live tables <c>t</c>, since the log does not begin with it any more: a table, and which of its rows. Folding events that
    /// such rows have seen already must change nothing in the end.
    /// </summary>
    IReadOnlyList<(string Table, string Rows)> TakenOver => [];

    /// <summary>Folds a run of the log into the views, within the session's transaction.</summary>
    Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken);

    /// <summary>Forgets what it keeps in memory: the last transaction did not commit, or somebody else has led meanwhile.</summary>
    void Forget()
    {
    }
}
