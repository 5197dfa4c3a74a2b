using ChatCqrs.Application;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Http;

/// <summary>Ids in paths. A text that is no UUID is refused like an unknown id.</summary>
internal static class RouteIds
{
    public static ConversationId Conversation(string text) =>
        new(Parse(text) ?? throw new RefusedException(Refusal.ConversationUnknown));

    public static MessageId Message(string text) =>
        new(Parse(text) ?? throw new RefusedException(Refusal.MessageUnknown));

    public static UserId Member(string text) =>
        new(Parse(text) ?? throw new RefusedException(Refusal.MemberUnknown));

    private static Guid? Parse(string text) => Uuids.TryParse(text, out var id) ? id : null;
}
