using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Messages;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>What changes groups, and messages that were sent.</summary>
internal static class GroupOperations
{
    private const string Groups = "Groups";
    private const string Messages = "Messages";

    private static readonly Refusal[] ByAdmins = [Refusal.ConversationUnknown, Refusal.NotAGroup, Refusal.NotAnAdmin];
    private static readonly Refusal[] OfMessages = [Refusal.ConversationUnknown, Refusal.MessageUnknown, Refusal.MessageBusy];

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Patch, "/v1/conversations/{id}", Groups, "Change a conversation",
            """
            A group's title (1 to 100 characters), and how long messages are kept that are sent from now on: `days`, and `disappearing_seconds` where that is
            sooner. Null sets either back. Fewer days hold for all earlier messages, a shorter timer for those that had one. By a group's admins; the retention of
            a direct conversation by either user.
            """)
        {
            Request = """{"title":"Climbing","retention":{"days":7,"disappearing_seconds":null}}""",
            Answers = [new(200, "The conversation as it is now.", typeof(ConversationDetails), Examples.GroupJson)],
            Refusals = [.. ByAdmins, Refusal.Blocked],
        },
        new(HttpMethod.Post, "/v1/conversations/{id}/members", Groups, "Add members to a group",
            "By admins. Who belongs to the group already stays as they are. New members see what follows their joining.")
        {
            Request = $$"""{"user_ids":["{{Examples.Ben}}"]}""",
            Answers =
            [
                new(200, "All members now.", typeof(GetMembers.Result),
                    $$"""
                    {"members":[{"user_id":"{{Examples.Ann}}","name":"Ann","role":"admin","joined_seq":0},
                      {"user_id":"{{Examples.Ben}}","name":"Ben","role":"member","joined_seq":8}]}
                    """),
            ],
            Refusals = [.. ByAdmins, Refusal.UserUnknown, Refusal.GroupFull],
        },
        new(HttpMethod.Delete, "/v1/conversations/{id}/members/{user_id}", Groups, "Remove a member, or leave",
            """
            Oneself is leaving; others are removed by admins. Who is out has the conversation no more. When the last admin leaves, the longest-standing member
            becomes admin.
            """)
        {
            Answers = [new(204, "They are out.")],
            Refusals = [.. ByAdmins, Refusal.MemberUnknown],
        },
        new(HttpMethod.Put, "/v1/conversations/{id}/members/{user_id}/role", Groups, "Make a member an admin, or an admin a member", "By admins; one always remains.")
        {
            Request = """{"role":"admin"}""",
            Answers = [new(204, "The member has this role.")],
            Refusals = [.. ByAdmins, Refusal.MemberUnknown, Refusal.LastAdmin],
        },
        new(HttpMethod.Patch, "/v1/conversations/{id}/messages/{message_id}", Messages, "Edit a message",
            "By its sender, for 15 minutes: a new `text`, or a new `ciphertext` where the message has one. What is attached stays. The same edit again changes nothing. Who joined after the message sees that it was edited, not what it says.")
        {
            Request = """{"text":"hello, Ben"}""",
            Answers = [new(200, "The message as it is now.", typeof(MessageView), Examples.MessageJson)],
            Refusals = [.. OfMessages, Refusal.NotTheSender, Refusal.EditTooLate, Refusal.EditMismatch, Refusal.MessageGone, Refusal.Blocked],
        },
        new(HttpMethod.Delete, "/v1/conversations/{id}/messages/{message_id}", Messages, "Delete a message for everyone",
            "By its sender, or by an admin of the group. Its content is gone for good; that it was there, its seq and its time stay. Deleting again changes nothing.")
        {
            Answers = [new(204, "It is deleted.")],
            Refusals = [.. OfMessages, Refusal.NotTheSenderOrAdmin],
        },
        new(HttpMethod.Put, "/v1/conversations/{id}/messages/{message_id}/reaction", Messages, "React to a message",
            "With exactly one emoji, in place of an earlier reaction of one's own.")
        {
            Request = """{"emoji":"👍"}""",
            Answers = [new(204, "The reaction stands.")],
            Refusals = [.. OfMessages, Refusal.MessageGone, Refusal.Blocked],
        },
        new(HttpMethod.Delete, "/v1/conversations/{id}/messages/{message_id}/reaction", Messages, "Take one's reaction back", "If there is one.")
        {
            Answers = [new(204, "There is none.")],
            Refusals = OfMessages,
        },
    ];
}
