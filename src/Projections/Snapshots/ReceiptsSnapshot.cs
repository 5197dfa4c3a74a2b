using System.Collections.Immutable;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Projections.Snapshots;

/// <summary>A conversation's watermarks at one of its receipt events.</summary>
public sealed record ReceiptsSnapshot
{
    /// <summary>The conversation's id.</summary>
    public required string Id { get; init; }

    public required ImmutableArray<SnapshotWatermark> Members { get; init; }
    public required long Revision { get; init; }
    public required byte[] Hash { get; init; }
    public required ulong Position { get; init; }

    public static ReceiptsSnapshot Of(string id, Watermarks state, Recorded last) => new()
    {
        Id = id,
        Members =
        [
            .. state.Members.Select(pair => new SnapshotWatermark(
                pair.Key.Value, pair.Value.Delivered, pair.Value.Read,
                pair.Value.Devices.ToImmutableDictionary(device => device.Key.Value, device => device.Value))),
        ],
        Revision = last.Revision,
        Hash = last.Hash.ToArray(),
        Position = last.Position.Value,
    };

    public Watermarks ToState() => new(Members.ToImmutableDictionary(
        m => new UserId(m.User),
        m => new Watermark(
            m.Delivered, m.Read,
            m.Devices.ToImmutableDictionary(device => new DeviceId(device.Key), device => device.Value))));
}

public sealed record SnapshotWatermark(Guid User, long Delivered, long Read, ImmutableDictionary<Guid, long> Devices);
