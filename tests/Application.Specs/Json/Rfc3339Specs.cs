using System.Globalization;
using ChatCqrs.Application.Json;

namespace ChatCqrs.Application.Specs.Json;

public sealed class Rfc3339Specs
{
    [Theory]
    [InlineData("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.0000000")]
    [InlineData("2026-01-02t03:04:05z", "2026-01-02T03:04:05.0000000")]
    [InlineData("2026-01-02T03:04:05.678+05:30", "2026-01-01T21:34:05.6780000")]
    [InlineData("2026-01-02T03:04:05-00:00", "2026-01-02T03:04:05.0000000")]
    [InlineData("2026-01-02T03:04:05.123456789012345678Z", "2026-01-02T03:04:05.1234567")]
    [InlineData("1937-01-01T12:00:27.87+00:20", "1937-01-01T11:40:27.8700000")]
    [InlineData("2026-01-02T03:04:05+23:59", "2026-01-01T03:05:05.0000000")]
    [InlineData("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.0000000")]
    [InlineData("2016-12-31T23:59:60.5z", "2017-01-01T00:00:00.5000000")]
    [InlineData("1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.0000000")]
    [InlineData("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.0000000")]
    public void A_time_is_read(string text, string utc)
    {
        Assert.True(Rfc3339.TryParse(text, out var time));

        Assert.Equal(TimeSpan.Zero, time.Offset);
        Assert.Equal(utc, time.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff", CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("2026-01-02")]
    [InlineData("2026-01-02T03:04:05")]
    [InlineData("2026-01-02T03:04Z")]
    [InlineData("2026-01-02 03:04:05Z")]
    [InlineData(" 2026-01-02T03:04:05Z")]
    [InlineData("2026-01-02T03:04:05Z\n")]
    [InlineData("2026-01-02T03:04:05.Z")]
    [InlineData("2026-01-02T03:04:05+0100")]
    [InlineData("2026-01-02T03:04:05+24:00")]
    [InlineData("2026-01-02T03:04:05+01:60")]
    [InlineData("2026-01-02T24:00:00Z")]
    [InlineData("2026-02-29T00:00:00Z")]
    [InlineData("2026-13-01T00:00:00Z")]
    [InlineData("2026-01-02T03:04:61Z")]
    [InlineData("1998-12-31T23:58:60Z")]
    [InlineData("1998-12-31T22:59:60Z")]
    [InlineData("1998-12-31T23:59:60+01:00")]
    [InlineData("9999-12-31T23:59:60Z")]
    [InlineData("0000-01-01T00:00:00Z")]
    [InlineData("0001-01-01T00:00:00+00:01")]
    [InlineData("\u0662026-01-02T03:04:05Z")]
    public void Another_text_is_none(string? text) => Assert.False(Rfc3339.TryParse(text, out _));
}
