using ChatCqrs.Testing;
using ChatCqrs.WebApi.Hosting;

namespace ChatCqrs.WebApi.Tests.Hosting;

public sealed class LogIdentityTests
{
    [Fact]
    public async Task A_database_whose_views_come_from_one_kind_of_log_is_not_used_with_the_other()
    {
        await using var database = await TestDatabase.CreateAsync();
        var folder = Directory.CreateTempSubdirectory("chatcqrs");
        string[] settings =
        [
            "--environment=Development", "--urls=http://127.0.0.1:0",
            $"--ConnectionStrings:Postgres={database.ConnectionString}",
            $"--DataFolder={folder.FullName}", "--Logging:LogLevel:Default=None",
        ];
        await using (var app = Program.Build(settings))
        {
            await app.StartAsync();
            await app.StopAsync();
        }

        await using var other = Program.Build(
            [.. settings, "--ConnectionStrings:EventStore=esdb://127.0.0.1:1?tls=false"]);
        var refused = await Assert.ThrowsAsync<FormatException>(() => other.StartAsync());

        Assert.Contains("PostgreSQL", Startup.Describe(refused), StringComparison.Ordinal);
        folder.Delete(recursive: true);
    }
}
