using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Accounts;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>Registration, tokens, the caller's account and devices.</summary>
internal static class AccountOperations
{
    private const string Registration = "Registration and tokens";
    private const string Account = "Account and devices";

    private const string OwnProfileJson =
        $$"""
        {"user_id":"{{Examples.Ann}}","phone":"+12025550123","name":"Ann","about":"At the sea","avatar":null,
         "created_at":"2026-01-02T03:04:05.678Z"}
        """;

    private const string PublicProfileJson =
        $$"""
        {"user_id":"{{Examples.Ben}}","name":"Ben","about":null,"avatar":null}
        """;

    private const string DevicesJson =
        $$"""
        {"devices":[{"device_id":"{{Examples.AnnsPhone}}","name":"Ann's phone","platform":"android",
          "created_at":"2026-01-02T03:04:05.678Z","last_seen":"2026-01-02T03:04:05.678Z","current":true,
          "ephemeral":false}]}
        """;

    private static readonly Operation Start = new(
        HttpMethod.Post, "/v1/registrations", Registration, "Send a code to a phone",
        """
        The code has six digits and is valid for ten minutes. In Development the answer contains it as `code`. The
        answer does not tell whether the phone has an account. `name` applies to a new account; an existing account
        keeps its name. A newer code for the same phone ends the older ones. `refresh_token` may be one that this device
        had before, also a used or ended one: it gets a code also where others have used up those of the phone.
        """)
    {
        Id = "startRegistration",
        Required = ["phone"],
        Authorised = false,
        Request = """{"phone":"+12025550123","name":"Ann"}""",
        Answers =
        [
            new(202, "The code is on its way.", typeof(RegistrationAnswer),
                $$"""
                {"registration_id":"{{Examples.Registration}}","expires_at":"2026-01-02T03:14:05.678Z","code":"042917"}
                """),
        ],
        Refusals = [Refusal.CountryNotServed, Refusal.SmsUnavailable],
    };

    private static readonly Operation Verify = new(
        HttpMethod.Post, "/v1/registrations/{registration_id}/verification", Registration,
        "Sign a device in with the code",
        """
        Creates an account for a new phone, or a further device of the phone's account. Five wrong codes end the
        registration. The right code works once; after a 503 the same code may be sent again. If the answer is lost, the
        right code for the same `device` gets the same answer again for a minute, unless the device was removed.
        """)
    {
        Id = "verifyRegistration",
        Required = ["code", "device", "device.name", "device.platform"],
        Authorised = false,
        Request = """{"code":"042917","device":{"name":"Ann's phone","platform":"android"}}""",
        Answers = [new(200, "The device is signed in.", typeof(TokenAnswer), Examples.TokensJson)],
        Refusals = [Refusal.WrongCode, Refusal.RegistrationUnknown, Refusal.RegistrationBurnt],
    };

    private static readonly Operation Refresh = new(
        HttpMethod.Post, "/v1/tokens/refresh", Registration, "Exchange a refresh token for new tokens",
        """
        An answer may be lost, and two tabs may refresh at once: until one of the new tokens was used (the access token
        by a request or a socket, the refresh token by an exchange), the old refresh token again is answered with the
        same new one and a valid access token. Reuse after that means that somebody else may have the token, so the
        device is signed out: its tokens and sockets end, and it must register again.
        """)
    {
        Id = "refreshTokens",
        Required = ["refresh_token"],
        Authorised = false,
        Request = """{"refresh_token":"cmVmcmVzaA"}""",
        Answers =
        [
            new(200, "The new tokens; the old refresh token ends with their first use.", typeof(TokenAnswer),
                Examples.TokensJson),
        ],
        Refusals = [Refusal.RefreshTokenInvalid, Refusal.RefreshTokenReused],
    };

    private static readonly Operation Keys = new(
        HttpMethod.Get, "/.well-known/jwks.json", Registration, "The public keys of the access tokens",
        """
        A JSON Web Key Set (RFC 7517), for services that verify access tokens themselves. Such services see neither
        sign-outs nor removed devices.
        """)
    {
        Id = "listSigningKeys",
        Authorised = false,
        Api = false,
        Answers =
        [
            new(200, "The keys; new tokens are signed with the first one.", null,
                """
                {"keys":[{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256",
                  "kid":"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
                  "x":"WKn-ZIGevcwGIyyrzFoZNBdaq9_TsqzGl96oc0CWuis",
                  "y":"y77t-RvAHRKTsSGdIYUfweuOvwrvDD-Q3Hv5J0fSKbE"}]}
                """),
        ],
    };

    private static readonly Operation ShowOwn = new(
        HttpMethod.Get, "/v1/users/me", Account, "The caller's own profile", "Only this profile includes the phone.")
    {
        Id = "getOwnProfile",
        Answers = [new(200, "The profile.", typeof(OwnProfileAnswer), OwnProfileJson)],
    };

    private static readonly Operation Change = new(
        HttpMethod.Patch, "/v1/users/me", Account, "Change the caller's own profile",
        """
        A merge patch (RFC 7396): absent fields stay, null removes a field. `name` has up to 100 characters, `about` up
        to 500. `avatar` is the `file_id` of an image that the caller uploaded. While it is the avatar, everybody who is
        signed in may download it.
        """)
    {
        Id = "changeOwnProfile",
        Request = """{"about":"At the sea"}""",
        Refusals = [Refusal.BadAvatar, Refusal.Erased],
        Answers = [new(200, "The changed profile.", typeof(OwnProfileAnswer), OwnProfileJson)],
    };

    private static readonly Operation Erase = new(
        HttpMethod.Delete, "/v1/users/me", Account, "Erase the account",
        """
        Irreversible. The keys of everything the caller wrote are destroyed, so that every copy is unreadable. Profile,
        phone, devices, blocks, settings and uploads are deleted; tokens end at once, and sockets are closed with 1008.
        The caller leaves all groups. Direct conversations stay for the other user; the caller's messages are shown as
        deleted. The server finishes an interrupted erasure by itself. The phone can register again as a new user.
        """)
    {
        Id = "eraseAccount",
        Answers = [new(204, "The account is erased.")],
    };

    private static readonly Operation Export = new(
        HttpMethod.Get, "/v1/users/me/export", Account, "Export all data about the caller",
        """
        Streams one JSON object: profile, devices, sessions, blocks, settings, push subscriptions and uploaded files (by
        id; download their bytes as usual). Each conversation has its members, all entries that the caller may see, and
        the times of the caller's receipts. Conversations that the caller has left have only the caller's messages and
        receipts. An interrupted answer is not valid JSON. A user may request five exports in a burst, and about four an
        hour.
        """)
    {
        Id = "exportAccount",
        Answers =
        [
            new(200, "The export.", null,
                $$"""
                {"exported_at":"2026-01-02T03:04:05.678Z",
                 "profile":{"user_id":"{{Examples.Ann}}","phone":"+12025550123","name":"Ann","about":null,"avatar":null,
                   "created_at":"2026-01-02T03:04:05.678Z"},
                 "devices":[{"device_id":"{{Examples.AnnsPhone}}","name":"Ann's phone","platform":"android",
                   "ephemeral":false,"added_at":"2026-01-02T03:04:05.678Z","last_seen":"2026-01-02T03:04:05.678Z",
                   "current":true}],
                 "sessions":[{"device_id":"{{Examples.AnnsPhone}}","signed_in_at":"2026-01-02T03:04:05.678Z",
                   "last_seen":"2026-01-02T03:04:05.678Z","ends_at":"2026-04-02T03:04:05.678Z"}],
                 "blocks":[],"settings":[],"push_subscriptions":[],"media":[],"uploads":[],
                 "conversations":[{"conversation":{{Examples.ConversationJson}},
                   "entries":[{"seq":7,"kind":"message","at":"2026-01-02T03:04:05.678Z","actor_id":"{{Examples.Ann}}",
                     "message":{{Examples.MessageJson}},"data":null}],
                   "receipts":[{"kind":"read","up_to_seq":6,"at":"2026-01-02T03:04:05.678Z"}]}],
                 "former_conversations":[]}
                """),
        ],
        Refusals = [Refusal.RateLimited],
    };

    private static readonly Operation Show = new(
        HttpMethod.Get, "/v1/users/{user_id}", Account, "A user's public profile", "Never includes the phone.")
    {
        Id = "getProfile",
        Answers = [new(200, "The profile.", typeof(PublicProfileAnswer), PublicProfileJson)],
        Refusals = [Refusal.UserUnknown],
    };

    private static readonly Operation ShowMany = new(
        HttpMethod.Get, "/v1/users", Account, "Many users' public profiles",
        $"""
        `ids` are 1 to {ShowProfiles.UsersMax} ids of users, with commas between them, in one request; doubles count
        once. The answer omits users without an account, and is in any order.
        """)
    {
        Id = "listProfiles",
        Answers =
        [
            new(200, "The profiles.", typeof(PublicProfilesAnswer), $$"""{"users":[{{PublicProfileJson.Trim()}}]}"""),
        ],
    };

    private static readonly Operation List = new(
        HttpMethod.Get, "/v1/devices", Account, "The caller's own devices",
        """
        In the order of registration, at most 64. A further device replaces the one with the oldest `last_seen`, which
        is exact to the minute.
        """)
    {
        Id = "listDevices",
        Answers = [new(200, "The devices.", typeof(DevicesAnswer), DevicesJson)],
    };

    private static readonly Operation Remove = new(
        HttpMethod.Delete, "/v1/devices/{device_id}", Account, "Remove a device",
        "Its tokens end at once, and its sockets are closed with 1008. A device that removes itself is signed out.")
    {
        Id = "removeDevice",
        Answers = [new(204, "The device is removed.")],
        Refusals = [Refusal.DeviceUnknown],
    };

    public static readonly IReadOnlyList<Operation> All =
        [Start, Verify, Refresh, Keys, ShowOwn, Change, Export, Erase, Show, ShowMany, List, Remove];
}
