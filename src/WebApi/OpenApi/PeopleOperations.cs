using ChatCqrs.Application.Users;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.OpenApi;

internal static class PeopleOperations
{
    private const string People = "Contacts and blocks";

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Post, "/v1/contacts/lookup", People, "Find out who of one's contacts is here",
            $"""
            At most {LookUpContacts.PhonesMax} phones at once, in E.164 form. Those that nobody has are left out. Every phone asked for counts towards a strict limit a user
            (2,000, and then some 1,700 a day): enough for an address book, not for trying numbers out.
            """)
        {
            Request = """{"phones":["+12025550123","+12025550124"]}""",
            Answers =
            [
                new(200, "Those that have an account.", typeof(LookUpContacts.Result),
                    $$"""{"matches":[{"phone":"+12025550124","user_id":"{{Examples.Ben}}","name":"Ben"}]}"""),
            ],
        },
        new(HttpMethod.Get, "/v1/blocks", People, "Whom the caller has blocked", "Last first.")
        {
            Answers =
            [
                new(200, "A page of them.", typeof(ListBlocks.Result),
                    $$"""{"blocks":[{"user_id":"{{Examples.Ben}}","name":"Ben","blocked_at":"2026-01-02T03:04:05.678Z"}],"next_cursor":null}"""),
            ],
            Refusals = [Refusal.InvalidCursor],
        },
        new(HttpMethod.Put, "/v1/blocks/{user_id}", People, "Block a user",
            """
            Their direct messages, edits, reactions and changes of retention are refused with `blocked` from then on, and neither sees the other typing or online. What was
            said stays, and groups that both are in go on. Blocking twice is no error.
            """)
        {
            Answers = [new(204, "The user is blocked.")],
            Refusals = [Refusal.UserUnknown, Refusal.BlockOneself, Refusal.TooManyBlocks],
        },
        new(HttpMethod.Delete, "/v1/blocks/{user_id}", People, "Unblock a user", "Unblocking who is not blocked is no error.")
        {
            Answers = [new(204, "The user is not blocked.")],
            Refusals = [Refusal.UserUnknown],
        },
    ];
}
