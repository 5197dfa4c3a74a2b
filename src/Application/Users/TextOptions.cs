using System.Text.RegularExpressions;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Which phones get texts, and how many (section <c>Sms</c> of the configuration). Texts cost money, so these hold also
/// where <c>RateLimits:Enabled</c> is false.
/// </summary>
public sealed partial record TextOptions
{
    /// <summary>The largest setting of a number of texts.</summary>
    public const int Max = 1_000_000;

    /// <summary>
    /// The only country codes whose phones get codes, such as 49; empty for all. Up to seven digits, so that a part of
    /// a country code is possible, such as 1876. A plus sign before them is ignored.
    /// </summary>
    public IReadOnlyList<string> Countries { get; init; } = [];

    /// <summary>
    /// Texts in any hour of the clock, counted over all nodes; 1 to <see cref="Max"/>, 0 for no limit.
    /// </summary>
    public int PerHour { get; set; } = 2_000;

    /// <summary>Of these, to phones of one country code; 1 to <see cref="Max"/>, 0 for no limit of its own.</summary>
    public int PerCountryAndHour { get; set; } = 1_000;

    /// <summary>The limits; null for none.</summary>
    internal TextLimits? OfTexts => (PerHour, PerCountryAndHour) is (0, 0)
        ? null
        : new TextLimits(OrNone(PerHour), OrNone(PerCountryAndHour));

    /// <param name="phone">In E.164 form.</param>
    internal bool Serves(string phone) => Countries.Count == 0
        || Countries.Any(code => phone.AsSpan(1).StartsWith(code.AsSpan().TrimStart('+'), StringComparison.Ordinal));

    /// <returns>Null if the options are valid, otherwise what is wrong.</returns>
    public string? Fault() =>
        Countries.FirstOrDefault(code => !CountryCode().IsMatch(code)) is { } wrong
            ? $"Sms:Countries must name country codes of 1 to 7 digits, such as 49, not '{wrong}'."
        : PerHour is not (>= 0 and <= Max) ? $"Sms:PerHour must be 0 to {Max}."
        : PerCountryAndHour is not (>= 0 and <= Max) ? $"Sms:PerCountryAndHour must be 0 to {Max}."
        : null;

    private static int OrNone(int limit) => limit == 0 ? int.MaxValue : limit;

    [GeneratedRegex(@"^\+?[1-9][0-9]{0,6}\z")]
    private static partial Regex CountryCode();
}
