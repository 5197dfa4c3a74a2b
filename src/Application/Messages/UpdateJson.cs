using System.Text.Json.Serialization;

namespace ChatCqrs.Application.Messages;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ConversationStartedData))]
internal sealed partial class UpdateJson : JsonSerializerContext;
