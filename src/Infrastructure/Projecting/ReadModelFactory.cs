using Marten;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>All read models.</summary>
internal static class ReadModelFactory
{
    /// <summary>
    /// In the order in which a run is folded into them. A new model is one line here, and is then built from the log at
    /// the next start.
    /// </summary>
    private static readonly IReadOnlyList<Func<IReadModel>> Models =
    [
        () => new InboxModel(),
        () => new TimelineModel(),
        () => new ReceiptsModel(),
        () => new DirectoryModel(),
        () => new MediaModel(),
        () => new SnapshotsModel(),
        () => new WatchableModel(),
        () => new AuditModel(),
    ];

    public static IReadOnlyList<string> Names { get; } = [.. CreateAll().Select(model => model.Name)];

    /// <summary>
    /// The models of the versions that did not note which models they folded (<see cref="Checkpoint"/>): a database of
    /// theirs holds these. Complete; new models do not belong here.
    /// </summary>
    public static IReadOnlyList<string> BeforeNotes { get; } = ["inbox", "timeline", "receipts", "directory", "media", "snapshots"];

    public static IReadOnlyList<IReadModel> CreateAll() => [.. Models.Select(create => create())];

    /// <exception cref="InvalidOperationException">There is no model of that name.</exception>
    public static IReadModel Create(string name) => CreateAll().Single(model => model.Name == name);

    /// <summary>
    /// Adds the tables of all models, and the checkpoints, to a schema: the live one, or that of a rebuild.
    /// </summary>
    public static void Register(StoreOptions options)
    {
        foreach (var table in CreateAll().SelectMany(model => model.Tables))
            table.Register(options);
        Checkpoint.Register(options);
    }
}
