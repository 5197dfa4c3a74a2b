using System.Collections.Immutable;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Retention;

namespace ChatCqrs.Projections.Snapshots;

/// <summary>
/// A conversation's state at one of its entries, without <c>Recent</c>: earlier messages are found by id.
/// </summary>
public sealed record ConversationSnapshot
{
    /// <summary>The conversation's id.</summary>
    public required string Id { get; init; }

    public required string Kind { get; init; }
    public required ImmutableArray<SnapshotMember> Members { get; init; }
    public required long Revision { get; init; }
    public required byte[] Hash { get; init; }
    public required ulong Position { get; init; }
    public required DateTimeOffset LastAt { get; init; }

    /// <summary>See <see cref="Horizons.OfAll"/>; null for none.</summary>
    public required DateTimeOffset? Horizon { get; init; }

    /// <summary>See <see cref="Horizons.BySender"/>; null for none.</summary>
    public ImmutableDictionary<Guid, DateTimeOffset>? SenderHorizons { get; init; }

    /// <summary>
    /// See <see cref="AheadIds.Ids"/>; null for none. Snapshots of earlier versions have horizons and no ids.
    /// </summary>
    public ImmutableArray<Guid>? Ahead { get; init; }

    /// <summary>See <see cref="AheadIds.Horizon"/>; null for none.</summary>
    public DateTimeOffset? AheadHorizon { get; init; }

    /// <summary>A group's title, sealed; null for none.</summary>
    public byte[]? Title { get; init; }

    /// <summary>The title's author; null for none.</summary>
    public Guid? TitleBy { get; init; }

    /// <summary>See <see cref="GroupStart.By"/>; null for none.</summary>
    public Guid? StartedBy { get; init; }

    /// <summary>See <see cref="GroupStart.Fingerprint"/>, in hexadecimal digits; null for none.</summary>
    public string? StartFingerprint { get; init; }

    public int? RetentionDays { get; init; }
    public int? DisappearingSeconds { get; init; }

    /// <summary>See <see cref="Conversation.LastExpirySeq"/>; null for none.</summary>
    public long? LastExpirySeq { get; init; }

    public static ConversationSnapshot Of(string id, Conversation state, Recorded last) => new()
    {
        Id = id,
        Kind = state.Kind!.Value.ToString(),
        Members =
        [
            .. state.MemberIds.Select(user => state.Members[user]).Select(member => new SnapshotMember(
                member.User.Value, member.JoinedSeq, member.LastSentSeq, member.Role == Role.Admin)),
        ],
        Revision = last.Revision,
        Hash = last.Hash.ToArray(),
        Position = last.Position.Value,
        LastAt = state.LastAt,
        Horizon = TimeOf(state.Recent.Horizons.OfAll),
        SenderHorizons = state.Recent.Horizons.BySender.IsEmpty
            ? null
            : state.Recent.Horizons.BySender.ToImmutableDictionary(pair => pair.Key.Value, pair => pair.Value),
        Ahead = state.Recent.Horizons == Horizons.None
            ? null
            : [.. state.Recent.Ahead.After(state.LastAt).Ids.Select(id => id.Value)],
        AheadHorizon = TimeOf(state.Recent.Ahead.Horizon),
        Title = state.Title?.Content.Bytes.ToArray(),
        TitleBy = state.Title?.By.Value,
        StartedBy = state.Start?.By.Value,
        StartFingerprint = state.Start?.Fingerprint.ToString(),
        RetentionDays = state.Retention.Days,
        DisappearingSeconds = state.Retention.DisappearingSeconds,
        LastExpirySeq = state.LastExpirySeq < 0 ? null : state.LastExpirySeq,
    };

    public Conversation ToState() => new(
        Enum.Parse<ConversationKind>(Kind),
        Members.ToImmutableDictionary(
            m => new UserId(m.User),
            m => new Member(new(m.User), m.JoinedSeq, m.LastSentSeq, m.IsAdmin ? Role.Admin : Role.Member)),
        Revision, LastAt,
        RecentMessages.None with { Since = LastAt.AddMilliseconds(1), Horizons = ToHorizons(), Ahead = ToAhead() })
    {
        MemberIds = [.. Members.Select(member => new UserId(member.User))],
        Title = Title is null || TitleBy is null
            ? null
            : new GroupTitle(new SealedContent(null, Title), new UserId(TitleBy.Value)),
        Start = StartedBy is null || StartFingerprint is null
            ? null
            : new GroupStart(new UserId(StartedBy.Value), Fingerprint.Parse(StartFingerprint)),
        Retention = RetentionDays is null && DisappearingSeconds is null
            ? RetentionPolicy.Default
            : new RetentionPolicy(RetentionDays, DisappearingSeconds),
        LastExpirySeq = LastExpirySeq ?? -1,
        Operations = RecentOperations.None with { Since = Revision }, // The views have applied everything up to it.
    };

    private Horizons ToHorizons() => new(
        Horizon ?? DateTimeOffset.MinValue,
        SenderHorizons?.ToImmutableDictionary(pair => new UserId(pair.Key), pair => pair.Value)
            ?? Horizons.None.BySender);

    private AheadIds ToAhead() => Ahead is { } ids
        ? new AheadIds([.. ids.Select(id => new MessageId(id))], AheadHorizon ?? DateTimeOffset.MinValue)
        : AheadIds.None with { Horizon = ToHorizons().Highest };

    private static DateTimeOffset? TimeOf(DateTimeOffset horizon) =>
        horizon == DateTimeOffset.MinValue ? null : horizon;
}

public sealed record SnapshotMember(Guid User, long JoinedSeq, long LastSentSeq, bool IsAdmin = false);
