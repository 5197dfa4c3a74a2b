using System.Text.Json.Serialization;
using ChatCqrs.Application.Json;
using ChatCqrs.Application.Retention;

namespace ChatCqrs.Application.Messages;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(TimestampConverter)])]
[JsonSerializable(typeof(ConversationStartedData))]
[JsonSerializable(typeof(MemberData))]
[JsonSerializable(typeof(RoleData))]
[JsonSerializable(typeof(GroupRenamedData))]
[JsonSerializable(typeof(RetentionInfo))]
[JsonSerializable(typeof(MessageEditedData))]
[JsonSerializable(typeof(MessageDeletedData))]
[JsonSerializable(typeof(ReactionData))]
[JsonSerializable(typeof(VoteData))]
[JsonSerializable(typeof(MessagesExpiredData))]
internal sealed partial class UpdateJson : JsonSerializerContext;
