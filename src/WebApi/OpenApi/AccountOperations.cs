using ChatCqrs.Domain;
using ChatCqrs.WebApi.Accounts;

namespace ChatCqrs.WebApi.OpenApi;

internal static class AccountOperations
{
    private const string Registration = "Registration and tokens";
    private const string Account = "Account and devices";

    private const string OwnProfileJson =
        $$"""
        {"user_id":"{{Examples.Ann}}","phone":"+12025550123","name":"Ann","about":"At the sea","avatar":null,"created_at":"2026-01-02T03:04:05.678Z"}
        """;

    private const string PublicProfileJson =
        $$"""{"user_id":"{{Examples.Ben}}","name":"Ben","about":null,"avatar":null,"created_at":"2026-01-02T03:04:05.678Z"}""";

    private const string DevicesJson =
        $$"""
        {"devices":[{"device_id":"{{Examples.AnnsPhone}}","name":"Ann's phone","platform":"android","last_seen":"2026-01-02T03:04:05.678Z","current":true}]}
        """;

    private static readonly Operation Start = new(
        HttpMethod.Post, "/v1/registrations", Registration, "Send a code to a phone",
        """
        The code has six digits and is good for ten minutes. In Development the answer carries it as `code`. The answer is the same whether or not the phone
        is known. `name` is for a new account; a known one keeps its own.
        """)
    {
        Authorised = false,
        Request = """{"phone":"+12025550123","name":"Ann"}""",
        Answers =
        [
            new(202, "The code is on its way.", typeof(RegistrationAnswer),
                $$"""{"registration_id":"{{Examples.Registration}}","expires_at":"2026-01-02T03:14:05.678Z","code":"042917"}"""),
        ],
        Refusals = [Refusal.SmsUnavailable],
    };

    private static readonly Operation Verify = new(
        HttpMethod.Post, "/v1/registrations/{registration_id}/verification", Registration, "Sign a device in with the code",
        """
        A phone that is new gets an account, one that is known a further device of the same account. Five wrong codes burn the registration, and the right one
        uses it up. If the answer is a 503, the same code may be sent again.
        """)
    {
        Authorised = false,
        Request = """{"code":"042917","device":{"name":"Ann's phone","platform":"android"}}""",
        Answers = [new(200, "The device is signed in.", typeof(TokenAnswer), Examples.TokensJson)],
        Refusals = [Refusal.WrongCode, Refusal.RegistrationUnknown, Refusal.RegistrationBurnt],
    };

    private static readonly Operation Refresh = new(
        HttpMethod.Post, "/v1/tokens/refresh", Registration, "Exchange a refresh token for new tokens",
        """
        A refresh token works once. If it comes again, somebody else may have it, so the device is signed out at once: its tokens and sockets end, and
        it has to register again. Of several exchanges of one token at the same time exactly one succeeds, and the others count as reuse.
        """)
    {
        Authorised = false,
        Request = """{"refresh_token":"cmVmcmVzaA"}""",
        Answers = [new(200, "The new tokens; the old refresh token is used up.", typeof(TokenAnswer), Examples.TokensJson)],
        Refusals = [Refusal.RefreshTokenInvalid, Refusal.RefreshTokenReused],
    };

    private static readonly Operation Keys = new(
        HttpMethod.Get, "/.well-known/jwks.json", Registration, "The public keys of the access tokens",
        "A JSON Web Key Set (RFC 7517), for services that verify access tokens themselves. Those see neither sign-outs nor removed devices.")
    {
        Authorised = false,
        Api = false,
        Answers =
        [
            new(200, "The keys; the first one signs.", null,
                """
                {"keys":[{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
                 "x":"WKn-ZIGevcwGIyyrzFoZNBdaq9_TsqzGl96oc0CWuis","y":"y77t-RvAHRKTsSGdIYUfweuOvwrvDD-Q3Hv5J0fSKbE"}]}
                """),
        ],
    };

    private static readonly Operation ShowOwn = new(
        HttpMethod.Get, "/v1/users/me", Account, "The caller's own profile", "With the phone, which nobody else sees.")
    {
        Answers = [new(200, "The profile.", typeof(OwnProfileAnswer), OwnProfileJson)],
    };

    private static readonly Operation Change = new(
        HttpMethod.Patch, "/v1/users/me", Account, "Change the caller's own profile",
        "A merge patch (RFC 7396): what is absent stays, what is null is taken away. `name` has up to 100 characters, `about` and `avatar` up to 500.")
    {
        Request = """{"about":"At the sea"}""",
        Answers = [new(200, "The profile as it is now.", typeof(OwnProfileAnswer), OwnProfileJson)],
    };

    private static readonly Operation Erase = new(
        HttpMethod.Delete, "/v1/users/me", Account, "Erase the account",
        """
        For good: the keys of everything the caller wrote are destroyed, so that it is unreadable wherever it is stored; profile, phone, devices, blocks, settings and
        uploads are gone; tokens end at once and sockets are closed with 1008. The caller leaves all groups. Direct conversations stay for the other one, with their
        own messages; the caller's are shown as deleted. Whatever is cut short is finished by the server. The phone can register again, as somebody new.
        """)
    {
        Answers = [new(204, "The account is erased.")],
    };

    private static readonly Operation Export = new(
        HttpMethod.Get, "/v1/users/me/export", Account, "Everything that is held about the caller",
        """
        Streamed as one JSON object: profile, devices, sessions, blocks, settings, push subscriptions, uploaded files (by id; their bytes are downloaded as ever), and of
        every conversation its members, all entries that the caller may see, and when they received and read what. Of conversations that they have left it holds what
        they wrote and confirmed. An answer that breaks off is no JSON. A user may ask for five at once, and some four an hour.
        """)
    {
        Answers =
        [
            new(200, "Everything.", null,
                $$"""
                {"exported_at":"2026-01-02T03:04:05.678Z",
                 "profile":{"user_id":"{{Examples.Ann}}","phone":"+12025550123","name":"Ann","about":null,"avatar":null,"created_at":"2026-01-02T03:04:05.678Z"},
                 "devices":[{"device_id":"{{Examples.AnnsPhone}}","name":"Ann's phone","platform":"android","added_at":"2026-01-02T03:04:05.678Z",
                   "last_seen":"2026-01-02T03:04:05.678Z","current":true}],
                 "sessions":[{"device_id":"{{Examples.AnnsPhone}}","signed_in_at":"2026-01-02T03:04:05.678Z","last_seen":"2026-01-02T03:04:05.678Z",
                   "ends_at":"2026-04-02T03:04:05.678Z"}],
                 "blocks":[],"settings":[],"push_subscriptions":[],"media":[],"uploads":[],
                 "conversations":[{"conversation":{{Examples.ConversationJson}},
                   "entries":[{"seq":7,"kind":"message","at":"2026-01-02T03:04:05.678Z","actor_id":"{{Examples.Ann}}","message":{{Examples.MessageJson}},"data":null}],
                   "receipts":[{"kind":"read","up_to_seq":6,"at":"2026-01-02T03:04:05.678Z"}]}],
                 "former_conversations":[]}
                """),
        ],
        Refusals = [Refusal.RateLimited],
    };

    private static readonly Operation Show = new(
        HttpMethod.Get, "/v1/users/{user_id}", Account, "A user's public profile", "Without the phone.")
    {
        Answers = [new(200, "The profile.", typeof(PublicProfileAnswer), PublicProfileJson)],
        Refusals = [Refusal.UserUnknown],
    };

    private static readonly Operation List = new(
        HttpMethod.Get, "/v1/devices", Account, "The caller's own devices",
        "In the order in which they were added, at most 64: with one more, the one that was not here for the longest is removed. `last_seen` is to the minute.")
    {
        Answers = [new(200, "The devices.", typeof(DevicesAnswer), DevicesJson)],
    };

    private static readonly Operation Remove = new(
        HttpMethod.Delete, "/v1/devices/{device_id}", Account, "Remove a device",
        "Its tokens end at once, and its socket is closed with 1008. Removing the device that asks signs it out.")
    {
        Answers = [new(204, "The device is gone.")],
        Refusals = [Refusal.DeviceUnknown],
    };

    public static readonly IReadOnlyList<Operation> All = [Start, Verify, Refresh, Keys, ShowOwn, Change, Export, Erase, Show, List, Remove];
}
