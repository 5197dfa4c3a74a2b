using System.Globalization;
using System.Security.Cryptography;

namespace ChatCqrs.WebApi.Tests.Accounts;

/// <summary>A device's tokens in the answer of a verification or a refresh.</summary>
public sealed record Tokens(string User, string Device, string Access, string Refresh)
{
    public static Tokens Of(Answer answer) =>
        new(
            answer.Text("user_id"), answer.Text("device_id"), answer.Text("access_token"),
            answer.Text("refresh_token"));
}

/// <summary>Requests of registration and sign-in.</summary>
public static class AccountCalls
{
    private static int _phones = RandomNumberGenerator.GetInt32(1_000_000);

    public static string NewPhone() =>
        "+1303" + (Interlocked.Increment(ref _phones) + 1_000_000).ToString("D7", CultureInfo.InvariantCulture);

    public static object ADevice(string name = "Ann's phone") => new { name, platform = "android" };

    public static Task<Answer> StartAsync(this ChatServer server, string phone, string? name = null) =>
        server.PostAsync("/v1/registrations", new { phone, name });

    public static Task<Answer> VerifyAsync(
        this ChatServer server, string registration, string code, string device = "Ann's phone") =>
        server.PostAsync($"/v1/registrations/{registration}/verification", new { code, device = ADevice(device) });

    public static Task<Answer> RefreshAsync(this ChatServer server, string token) =>
        server.PostAsync("/v1/tokens/refresh", new { refresh_token = token });

    /// <summary>Signs a device in.</summary>
    public static async Task<Tokens> SignInAsync(
        this ChatServer server, string? phone = null, string? name = null, string device = "Ann's phone")
    {
        var started = (await server.StartAsync(phone ?? NewPhone(), name)).Is(202);
        return Tokens.Of(
            (await server.VerifyAsync(started.Text("registration_id"), started.Text("code"), device)).Is(200));
    }

    public static string WrongFor(string code) => code == "000000" ? "000001" : "000000";
}
