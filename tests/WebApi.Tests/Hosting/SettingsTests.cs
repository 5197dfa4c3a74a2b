using System.Security.Cryptography;
using ChatCqrs.WebApi.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Tests.Hosting;

/// <summary>A wrong setting stops the start with one line that names it.</summary>
public sealed class SettingsTests : IDisposable
{
    private const string NoDatabase = "postgresql://nobody@127.0.0.1:1/nothing";

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("Writer:Partitions", "0")]
    [InlineData("Writer:QueueMax", "many")]
    [InlineData("Retention:Days", "0")]
    [InlineData("Retention:ShortestTimer", "0")]
    [InlineData("Retention:SweepEvery", "25:00:00")]
    [InlineData("Retention:SweepEvery", "often")]
    [InlineData("Reads:FreshnessWait", "01:00:00")]
    [InlineData("Health:LagSecondsMax", "0")]
    [InlineData("Telemetry:OtlpEndpoint", "collector")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "file:///tmp")]
    [InlineData("Metrics:Token", "short")]
    [InlineData("OpenApi:Enabled", "perhaps")]
    [InlineData("Tokens:AccessMinutes", "0")]
    [InlineData("RateLimits:User:Burst", "0")]
    [InlineData("Startup:DatabaseWait", "-1")]
    [InlineData("Server:Name", " ")]
    [InlineData("Audit:NextKeyFile", "/nowhere.pem")]
    [InlineData("Audit:Witnesses", "/nowhere")]
    [InlineData("Audit:Quorum", "true")]
    [InlineData("Audit:VerifyAt", "1.00:00:00")]
    [InlineData("Audit:VerifyFor", "24:00:00")]
    [InlineData("Audit:LastSeen", "/nowhere")]
    [InlineData("Audit:Mirror:S3:AccessKey", "key")]
    [InlineData("Audit:Mirror:S3:Endpoint", "store")]
    [InlineData("Cors:Origins:0", "*")]
    [InlineData("Cors:Origins:0", "null")]
    [InlineData("Cors:Origins:0", "chat.example.org")]
    [InlineData("Cors:Origins:0", "https://*.example.org")]
    [InlineData("Cors:Origins:0", "https://chat.example.org/")]
    [InlineData("Cors:Origins:0", "https://chat.example.org:443")]
    [InlineData("Cors:Origins:0", "https://Chat.example.org")]
    [InlineData("Cors:Origins:0", "https://a@chat.example.org")]
    [InlineData("Cors:Origins:0", "ftp://chat.example.org")]
    [InlineData("Cors:Origins:0", "https://chät.example.org")]
    public async Task A_wrong_value_is_named(string setting, string value)
    {
        var line = await WhyNotAsync($"--ConnectionStrings:Postgres={NoDatabase}", $"--{setting}={value}");

        var named = setting.StartsWith("RateLimits", StringComparison.Ordinal) ? "RateLimits:User"
            : setting.EndsWith(":0", StringComparison.Ordinal) ? setting[..^2]
            : setting;
        Assert.Contains(named, line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2", 2)]
    [InlineData("00:00:02", 2)]
    [InlineData("90", 90)]
    [InlineData("01:00:00", 3_600)]
    public async Task Times_of_retention_may_be_plain_seconds(string written, int seconds)
    {
        await using var app = Program.Build(
        [
            "--environment=Development", $"--ConnectionStrings:Postgres={NoDatabase}", $"--DataFolder={_folder}",
            $"--Retention:SweepEvery={written}", $"--Retention:ShortestTimer={written}",
        ]);

        var options = app.Services.GetRequiredService<IOptions<Application.Retention.RetentionOptions>>().Value;
        Assert.Equal(
            (TimeSpan.FromSeconds(seconds), TimeSpan.FromSeconds(seconds), 30),
            (options.SweepEvery, options.ShortestTimer, options.Days));
    }

    [Fact]
    public async Task A_missing_database_is_named() =>
        Assert.Contains("ConnectionStrings:Postgres", await WhyNotAsync(), StringComparison.Ordinal);

    [Fact]
    public async Task A_connection_string_that_is_none_is_refused() => Assert.Contains(
        "ConnectionStrings:Postgres", await WhyNotAsync("--ConnectionStrings:Postgres=postgresql://a:b:c@:x/"),
        StringComparison.Ordinal);

    [Fact]
    public async Task A_database_out_of_reach_is_said_to_be_that() =>
        Assert.StartsWith(
            "PostgreSQL", await WhyNotAsync($"--ConnectionStrings:Postgres={NoDatabase}", "--Startup:DatabaseWait=0"),
            StringComparison.Ordinal);

    [Fact]
    public async Task Production_needs_what_Development_makes_up() => Assert.Contains(
        "Tokens:KeyFile", await WhyNotAsync("--environment=Production", $"--ConnectionStrings:Postgres={NoDatabase}"),
        StringComparison.Ordinal);

    [Theory]
    [InlineData("Development", "simple")]
    [InlineData("Production", "json")]
    public async Task Logs_are_structured_in_Production(string environment, string format)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var app = Program.Build(
        [
            $"--environment={environment}", $"--ConnectionStrings:Postgres={NoDatabase}", $"--DataFolder={_folder}",
            $"--Tokens:Keys:0={key.ExportPkcs8PrivateKeyPem()}",
        ]);

        Assert.Equal(format, app.Services.GetRequiredService<IOptions<ConsoleLoggerOptions>>().Value.FormatterName);
    }

    [Fact]
    public void A_bug_is_not_reported_as_a_setting() =>
        Assert.Null(Startup.Describe(new NullReferenceException()));

    private async Task<string> WhyNotAsync(params string[] settings)
    {
        var exception = await Record.ExceptionAsync(async () =>
        {
            await using var app = Program.Build(
            [
                "--environment=Development", "--urls=http://127.0.0.1:0", $"--DataFolder={_folder}",
                "--Logging:LogLevel:Default=None", .. settings,
            ]);
            await app.StartAsync();
        });
        var line = Startup.Describe(exception!);
        Assert.NotNull(line);
        Assert.DoesNotContain('\n', line);
        return line;
    }
}
