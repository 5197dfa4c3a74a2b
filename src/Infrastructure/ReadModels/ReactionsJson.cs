using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Infrastructure.ReadModels;

/// <summary>The reactions to a message in the JSON of its row.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ImmutableArray<Reaction>))]
internal sealed partial class ReactionsJson : JsonSerializerContext
{
    public static ImmutableArray<Reaction> Read(string json) =>
        JsonSerializer.Deserialize(json, Default.ImmutableArrayReaction);

    /// <returns>Null without reactions.</returns>
    public static string? Write(ImmutableArray<Reaction> reactions) =>
        reactions.IsEmpty ? null : JsonSerializer.Serialize(reactions, Default.ImmutableArrayReaction);
}
