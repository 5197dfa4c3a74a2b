using System.Globalization;
using System.Text.Json;
using ChatCqrs.Application.Json;
using FsCheck.Xunit;

namespace ChatCqrs.Application.Specs.Json;

public sealed class TimestampConverterSpecs
{
    private static readonly JsonSerializerOptions Options = new() { Converters = { new TimestampConverter() } };

    [Property]
    public bool A_time_is_written_to_the_millisecond_and_read_as_it_was(DateTime any)
    {
        var time = new DateTimeOffset(DateTime.SpecifyKind(any, DateTimeKind.Utc));
        var text = JsonSerializer.Serialize(time, Options);
        return text == $"\"{time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)}\""
            && JsonSerializer.Deserialize<DateTimeOffset>(text, Options).Ticks
                == time.Ticks - (time.Ticks % TimeSpan.TicksPerMillisecond);
    }

    [Theory]
    [InlineData("2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Z")]
    [InlineData("2026-01-02t03:04:05.678Z", "2026-01-02T03:04:05.678Z")]
    [InlineData("2026-01-02T05:04:05.678+02:00", "2026-01-02T03:04:05.678Z")]
    [InlineData("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z")]
    [InlineData("2016-12-31T23:59:60.000Z", "2017-01-01T00:00:00.000Z")]
    [InlineData("\\u0032026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Z")]
    public void Other_forms_of_RFC_3339_are_read(string text, string same) => Assert.Equal(
        $"\"{same}\"", JsonSerializer.Serialize(
            JsonSerializer.Deserialize<DateTimeOffset>($"\"{text}\"", Options), Options));

    [Theory]
    [InlineData("\"2026-01-02\"")]
    [InlineData("\"2026-13-02T03:04:05.678Z\"")]
    [InlineData("\"2026-01-02T24:04:05.678Z\"")]
    [InlineData("\"2026-01-02 03:04:05.678Z\"")]
    [InlineData("\"2026-01-02T03:04:05,678Z\"")]
    [InlineData("1")]
    [InlineData("null")]
    public void Nothing_else_is_a_time(string json) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<DateTimeOffset>(json, Options));
}
