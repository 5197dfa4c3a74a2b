using ChatCqrs.Domain;
using ChatCqrs.WebApi.Accounts;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>Links of new devices by QR code.</summary>
internal static class DeviceLinkOperations
{
    private const string Links = "Device links";
    private const string Proof = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=";

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Post, "/v1/device-links", Links, "Ask for a link of a new device",
            """
            Needs no sign-in. The device makes 32 random bytes of its own, the `code`, and shows a QR code
            `chatcqrs:link?server=..&id=..&code=..&key=..` (`code` and `key` in base64url); the server never sees the
            code. `public_key` is base64 or base64url of up to 1,024 characters. An address may ask for 60 at once, then
            one every five seconds.
            """)
        {
            Id = "startDeviceLink",
            Required = ["device", "device.name", "device.platform"],
            Authorised = false,
            Request = """{"device":{"name":"Browser","platform":"web","ephemeral":true},"public_key":"bXkga2V5"}""",
            Answers =
            [
                new(201, "The link; it can be approved for five minutes.", typeof(DeviceLinkAnswer),
                    $$"""
                    {"link_id":"{{Examples.Link}}","secret":"c2VjcmV0","expires_at":"2026-01-02T03:09:05.678Z"}
                    """),
            ],
        },
        new(HttpMethod.Get, "/v1/device-links/{link_id}", Links, "Wait for a link to be approved",
            """
            For the new device, with `Authorization: Link <secret>`. Waits up to 25 s while the link is `pending`. When
            `approved`, the answer has the members of a verification's answer, the same ones until one of the tokens was
            used. The device compares `proof` with SHA-256 over the 36 ASCII characters of `link_id` and the 32 bytes of
            its code, and drops a link that was approved without the code.
            """)
        {
            Id = "awaitDeviceLink",
            Authorised = false,
            ByLink = true,
            Answers =
            [
                new(200, "What became of the link.", typeof(DeviceLinkStatusAnswer),
                    $$"""
                    {"status":"approved","proof":"{{Proof}}",
                     "user_id":"{{Examples.Ann}}","device_id":"{{Examples.AnnsPhone}}",
                     "access_token":"eyJhbGciOiJFUzI1NiJ9.e30.c2ln","refresh_token":"cmVmcmVzaA","expires_in":900}
                    """),
            ],
            Refusals = [Refusal.LinkSecretWrong, Refusal.LinkUnknown],
        },
        new(HttpMethod.Get, "/v1/device-links/{link_id}/request", Links, "What asks to be linked",
            """
            For a signed-in device that has scanned the QR code. It shows its person the device's name and platform, the
            address and the time, and asks whether they hold that device in their hands.
            """)
        {
            Id = "getDeviceLinkRequest",
            Answers =
            [
                new(200, "What asks.", typeof(DeviceLinkRequestAnswer),
                    """
                    {"device":{"name":"Browser","platform":"web","ephemeral":true},"address":"192.0.2.7",
                     "requested_at":"2026-01-02T03:04:05.678Z","public_key":"bXkga2V5"}
                    """),
            ],
            Refusals = [Refusal.LinkUnknown, Refusal.LinkSettled],
        },
        new(HttpMethod.Post, "/v1/device-links/{link_id}/approval", Links, "Approve or refuse a link",
            """
            Signs the new device in as one more device of the caller. `proof` is base64 of SHA-256 over the 36 ASCII
            characters of `link_id` and the 32 bytes of the code that was scanned; `payload` is up to 64 KiB of base64
            for the new device, encrypted to its key. Or `{"refuse":true}`. One approval only; after a 503 the same
            approval may be sent again.
            """)
        {
            Id = "settleDeviceLink",
            Request = $$"""{"proof":"{{Proof}}"}""",
            Answers = [new(204, "The link is settled.")],
            Refusals = [Refusal.LinkUnknown, Refusal.LinkSettled, Refusal.UserUnknown],
        },
    ];
}
