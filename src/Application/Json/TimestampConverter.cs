using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ChatCqrs.Application.Json;

/// <summary>
/// Times in RFC 3339 form (section 5.6), UTC, with exactly three digits of a second: <c>2026-01-02T03:04:05.678Z</c>.
/// Reads any other form, too.
/// </summary>
public sealed class TimestampConverter : JsonConverter<DateTimeOffset>
{
    private const int Length = 24;

    /// <summary>The length with the seven digits of .NET's round-trip format, which is the fastest one.</summary>
    private const int RoundTripLength = 28;

    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String)
            throw NotATime();
        var isUsual = !reader.HasValueSequence && reader.ValueSpan is { Length: Length } text && text[^1] == 'Z';
        if (isUsual && reader.TryGetDateTimeOffset(out var usual)) // Every event has times: no text, no expression.
            return usual;
        return Rfc3339.TryParse(reader.GetString(), out var time) ? time : throw NotATime();
    }

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options)
    {
        Span<byte> text = stackalloc byte[RoundTripLength];
        value.UtcDateTime.TryFormat(text, out _, "O", CultureInfo.InvariantCulture);
        text[Length - 1] = (byte)'Z';
        writer.WriteStringValue(text[..Length]);
    }

    private static JsonException NotATime() => new("A time must have the form of RFC 3339.");
}
