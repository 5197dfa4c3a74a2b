using ChatCqrs.Application.Ports;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>All read models, by name.</summary>
internal sealed class ReadModelFactory(IEventStore store, IEventCodec codec)
{
    public static readonly IReadOnlyList<string> Names = ["inbox", "timeline", "receipts", "directory", "media", "snapshots"];

    public IReadModel Create(string name) => name switch
    {
        "inbox" => new InboxModel(),
        "timeline" => new TimelineModel(),
        "receipts" => new ReceiptsModel(),
        "directory" => new DirectoryModel(),
        "media" => new MediaModel(),
        "snapshots" => new SnapshotsModel(store, codec),
        _ => throw new ArgumentException($"There is no read model {name}.", nameof(name)),
    };
}
