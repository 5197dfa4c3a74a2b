using System.Text.RegularExpressions;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Phone numbers in international form (ITU-T E.164): a plus sign and 7 to 15 digits, the first of them not 0.
/// </summary>
public static partial class PhoneNumber
{
    public static bool IsE164(string? phone) => phone is not null && E164().IsMatch(phone);

    [GeneratedRegex(@"^\+[1-9][0-9]{6,14}\z")]
    private static partial Regex E164();
}
