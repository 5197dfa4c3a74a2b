using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Inbox;
using ChatCqrs.Application.Messages;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>Changes of groups, and edits, deletions and reactions of messages.</summary>
internal static class GroupOperations
{
    private const string Groups = "Groups";
    private const string Messages = "Messages";

    private static readonly Refusal[] ByAdmins = [Refusal.ConversationUnknown, Refusal.NotAGroup, Refusal.NotAnAdmin];

    private static readonly Refusal[] OfMessages =
        [Refusal.ConversationUnknown, Refusal.MessageUnknown, Refusal.MessageBusy];

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Patch, "/v1/conversations/{id}", Groups, "Change a conversation",
            """
            Changes a group's title (1 to 100 characters), and the retention of messages sent from now on: `days`, or
            `disappearing_seconds` if that is sooner. Null restores the default. Fewer days also apply to all earlier
            messages, a shorter timer to earlier messages with a timer. Only admins change a group; either user changes
            the retention of a direct conversation.
            """)
        {
            Id = "changeConversation",
            Request = """{"title":"Climbing","retention":{"days":7,"disappearing_seconds":null}}""",
            Answers = [new(200, "The changed conversation.", typeof(ConversationDetails), Examples.GroupJson)],
            Refusals = [.. ByAdmins, Refusal.Blocked, Refusal.Erased],
        },
        new(HttpMethod.Post, "/v1/conversations/{id}/members", Groups, "Add members to a group",
            """
            Only admins add members, and nobody whom a user has blocked adds them. Users who are members already stay
            unchanged. New members see the entries after their joining.
            """)
        {
            Id = "addMembers",
            Required = ["user_ids"],
            Request = $$"""{"user_ids":["{{Examples.Ben}}"]}""",
            Answers =
            [
                new(200, "All members.", typeof(GetMembers.Result),
                    $$"""
                    {"members":[{"user_id":"{{Examples.Ann}}","name":"Ann","role":"admin","joined_seq":0},
                      {"user_id":"{{Examples.Ben}}","name":"Ben","role":"member","joined_seq":8}]}
                    """),
            ],
            Refusals = [.. ByAdmins, Refusal.UserUnknown, Refusal.GroupFull, Refusal.Blocked],
        },
        new(HttpMethod.Delete, "/v1/conversations/{id}/members/{user_id}", Groups, "Remove a member, or leave",
            """
            Members remove themselves, and admins remove others. For a former member the conversation does not exist any
            more. When the last admin leaves, the longest-standing member becomes admin.
            """)
        {
            Id = "removeMember",
            Answers = [new(204, "The user is not a member any more.")],
            Refusals = [.. ByAdmins, Refusal.MemberUnknown],
        },
        new(HttpMethod.Put, "/v1/conversations/{id}/members/{user_id}/role", Groups,
            "Make a member an admin, or an admin a member", "Only admins change roles; one admin always remains.")
        {
            Id = "changeRole",
            Required = ["role"],
            Request = """{"role":"admin"}""",
            Answers = [new(204, "The member has this role.")],
            Refusals = [.. ByAdmins, Refusal.MemberUnknown, Refusal.LastAdmin],
        },
        new(HttpMethod.Patch, "/v1/conversations/{id}/messages/{message_id}", Messages, "Edit a message",
            """
            The sender edits a message for 15 minutes: a new `text`, or a new `ciphertext` where the message has one.
            Attachments stay. Repeating an edit changes nothing. Members who joined after the message see that it was
            edited, without its text.
            """)
        {
            Id = "editMessage",
            Request = """{"text":"hello, Ben"}""",
            Answers = [new(200, "The edited message.", typeof(MessageView), Examples.MessageJson)],
            Refusals =
            [
                .. OfMessages, Refusal.NotTheSender, Refusal.EditTooLate, Refusal.EditMismatch, Refusal.MessageGone,
                Refusal.Blocked,
                Refusal.Erased,
            ],
        },
        new(HttpMethod.Delete, "/v1/conversations/{id}/messages/{message_id}", Messages,
            "Delete a message for everyone",
            """
            The sender or an admin of the group deletes a message. Its content is gone for good; its place, seq and time
            stay. Repeating a deletion changes nothing.
            """)
        {
            Id = "deleteMessage",
            Answers = [new(204, "The message is deleted.")],
            Refusals = [.. OfMessages, Refusal.NotTheSenderOrAdmin],
        },
        new(HttpMethod.Put, "/v1/conversations/{id}/messages/{message_id}/reaction", Messages, "React to a message",
            "Exactly one emoji, which replaces the caller's earlier reaction.")
        {
            Id = "setReaction",
            Required = ["emoji"],
            Request = """{"emoji":"👍"}""",
            Answers = [new(204, "The reaction is set.")],
            Refusals = [.. OfMessages, Refusal.MessageGone, Refusal.Blocked],
        },
        new(HttpMethod.Delete, "/v1/conversations/{id}/messages/{message_id}/reaction", Messages,
            "Remove the caller's reaction", "Succeeds also without a reaction.")
        {
            Id = "clearReaction",
            Answers = [new(204, "The caller has no reaction.")],
            Refusals = OfMessages,
        },
        new(HttpMethod.Put, "/v1/conversations/{id}/messages/{message_id}/vote", Messages, "Vote in a poll",
            """
            `options` are indexes of the poll's options, from 0: one, or several where the poll has `multiple`. They
            replace the caller's earlier vote; the same again changes nothing.
            """)
        {
            Id = "setVote",
            Required = ["options"],
            Request = """{"options":[0,2]}""",
            Answers = [new(204, "The vote is set.")],
            Refusals = [.. OfMessages, Refusal.NotAPoll, Refusal.MessageGone, Refusal.Blocked],
        },
        new(HttpMethod.Delete, "/v1/conversations/{id}/messages/{message_id}/vote", Messages,
            "Remove the caller's vote", "Succeeds also without a vote.")
        {
            Id = "clearVote",
            Answers = [new(204, "The caller has no vote.")],
            Refusals = [.. OfMessages, Refusal.NotAPoll, Refusal.MessageGone],
        },
    ];
}
