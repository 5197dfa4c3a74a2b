using System.Globalization;
using System.Security.Cryptography;

namespace ChatCqrs.Acceptance.Client;

/// <summary>Random phone numbers of full E.164 length, so that repeated runs on one event log do not collide.</summary>
public static class Phones
{
    public const string Admin = "+12025550199";

    public static string Next() =>
        "+88" + string.Create(CultureInfo.InvariantCulture, $"{RandomNumberGenerator.GetInt32(100_000, 1_000_000)}{RandomNumberGenerator.GetInt32(1_000_000, 10_000_000)}");
}
