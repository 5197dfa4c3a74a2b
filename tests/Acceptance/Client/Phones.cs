using System.Security.Cryptography;

namespace ChatCqrs.Acceptance.Client;

/// <summary>Random phone numbers of full E.164 length, so that repeated runs on one event log do not collide.</summary>
public static class Phones
{
    public const string Admin = "+12025550199";
    public const string Auditor = Admin;

    public static string Next() =>
        "+88" + RandomNumberGenerator.GetString("0123456789", 13);
}
