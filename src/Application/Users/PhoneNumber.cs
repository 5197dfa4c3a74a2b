using System.Collections.Frozen;
using System.Text.RegularExpressions;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Phone numbers in international form (ITU-T E.164): a plus sign and 7 to 15 digits, the first of them not 0.
/// </summary>
public static partial class PhoneNumber
{
    /// <summary>The country codes of two digits.</summary>
    private static readonly FrozenSet<string> Short = new[]
    {
        "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49",
        "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84",
        "86", "90", "91", "92", "93", "94", "95", "98",
    }.ToFrozenSet(StringComparer.Ordinal);

    public static bool IsE164(string? phone) => phone is not null && E164().IsMatch(phone);

    /// <summary>
    /// The country code of a phone: 1 to 3 digits, and none begins another (ITU-T E.164, section 6.2.1, and its list of
    /// assigned codes). Codes that are not assigned have three digits here.
    /// </summary>
    /// <param name="phone">In E.164 form.</param>
    public static string CountryOf(string phone) => phone[1] switch
    {
        '1' or '7' => phone[1..2],
        _ when Short.Contains(phone[1..3]) => phone[1..3],
        _ => phone[1..4],
    };

    [GeneratedRegex(@"^\+[1-9][0-9]{6,14}\z")]
    private static partial Regex E164();
}
