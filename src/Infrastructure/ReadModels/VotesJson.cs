using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Infrastructure.ReadModels;

/// <summary>The votes in a poll in the JSON of its row.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(IReadOnlyList<StoredVote>))]
internal sealed partial class VotesJson : JsonSerializerContext
{
    public static ImmutableArray<CastVote> Read(string json) =>
    [
        .. JsonSerializer.Deserialize(json, Default.IReadOnlyListStoredVote)!
            .Select(vote => new CastVote(vote.User, Vote.Of(vote.Options))),
    ];

    /// <returns>Null without votes.</returns>
    public static string? Write(ImmutableArray<CastVote> votes) => votes.IsEmpty
        ? null
        : JsonSerializer.Serialize(
            [.. votes.Select(vote => new StoredVote(vote.User, vote.Vote.Options))], Default.IReadOnlyListStoredVote);
}

internal sealed record StoredVote(Guid User, IReadOnlyList<int> Options);
