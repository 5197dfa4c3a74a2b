using System.Globalization;
using FluentValidation;
using FluentValidation.Results;

namespace ChatCqrs.WebApi.Http;

/// <summary>Numbers in query strings. They come as text, so that what is none is refused by its name.</summary>
internal static class QueryValues
{
    /// <returns>Null when it was not given.</returns>
    /// <exception cref="ValidationException">It is no whole number.</exception>
    public static long? Long(string name, string? text) => text is null ? null
        : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value
        : throw new ValidationException([new ValidationFailure(name, "must be a whole number.")]);

    /// <inheritdoc cref="Long"/>
    public static int? Int(string name, string? text) => Long(name, text) is not { } value ? null
        : value is >= int.MinValue and <= int.MaxValue ? (int)value
        : throw new ValidationException([new ValidationFailure(name, "is out of range.")]);
}
