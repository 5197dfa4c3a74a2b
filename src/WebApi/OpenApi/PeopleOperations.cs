using ChatCqrs.Application.Users;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>Contacts and blocks.</summary>
internal static class PeopleOperations
{
    private const string People = "Contacts and blocks";

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Post, "/v1/contacts/lookup", People, "Look up contacts by phone",
            $"""
            1 to {LookUpContacts.PhonesMax} phones a request, in E.164 form. The answer omits phones without an account,
            and names in `invalid` what is no phone in that form; the others are looked up. Each phone counts towards a
            strict limit of the user (2,000, then about 1,700 a day), as does each new phone that a message is sent to:
            enough for an address book, too few to enumerate numbers.
            """)
        {
            Id = "lookUpContacts",
            Required = ["phones"],
            Request = """{"phones":["+12025550123","+12025550124"]}""",
            Answers =
            [
                new(200, "The phones with an account, and what is no phone.", typeof(LookUpContacts.Result),
                    $$"""
                    {"matches":[{"phone":"+12025550124","user_id":"{{Examples.Ben}}","name":"Ben"}],
                     "invalid":["0151 1234"]}
                    """),
            ],
        },
        new(HttpMethod.Get, "/v1/blocks", People, "The users that the caller has blocked", "Newest block first.")
        {
            Id = "listBlocks",
            Answers =
            [
                new(200, "A page of blocks.", typeof(ListBlocks.Result),
                    $$"""
                    {"blocks":[{"user_id":"{{Examples.Ben}}","name":"Ben","blocked_at":"2026-01-02T03:04:05.678Z"}],
                     "next_cursor":null}
                    """),
            ],
            Refusals = [Refusal.InvalidCursor],
        },
        new(HttpMethod.Put, "/v1/blocks/{user_id}", People, "Block a user",
            """
            The user's direct messages, edits, reactions and changes of retention are refused with `blocked` from then
            on, and neither sees the other typing or online. Earlier messages and common groups stay. Blocking twice is
            no error.
            """)
        {
            Id = "blockUser",
            Answers = [new(204, "The user is blocked.")],
            Refusals = [Refusal.UserUnknown, Refusal.BlockOneself, Refusal.TooManyBlocks],
        },
        new(HttpMethod.Delete, "/v1/blocks/{user_id}", People, "Unblock a user",
            "Succeeds also when the user is not blocked.")
        {
            Id = "unblockUser",
            Answers = [new(204, "The user is not blocked.")],
            Refusals = [Refusal.UserUnknown],
        },
    ];
}
