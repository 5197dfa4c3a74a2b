using System.Globalization;
using FluentValidation;
using FluentValidation.Results;

namespace ChatCqrs.WebApi.Http;

/// <summary>
/// Numbers in query strings. Endpoints bind them as text, so that the refusal of a wrong one names the parameter.
/// </summary>
internal static class QueryValues
{
    /// <param name="name">The parameter's name.</param>
    /// <param name="text">The parameter's value; null when it is absent.</param>
    /// <returns>Null when the parameter is absent.</returns>
    /// <exception cref="ValidationException">The text is no whole number, or out of range.</exception>
    public static long? Long(string name, string? text) => text is null ? null
        : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value
        : throw new ValidationException([new ValidationFailure(name, "must be a whole number.")]);

    /// <inheritdoc cref="Long"/>
    public static int? Int(string name, string? text) => Long(name, text) is not { } value ? null
        : value is >= int.MinValue and <= int.MaxValue ? (int)value
        : throw new ValidationException([new ValidationFailure(name, "is out of range.")]);
}
