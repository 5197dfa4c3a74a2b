using System.Net.Sockets;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Postgres;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Postgres;

/// <summary>An unavailable database, which callers may retry, is distinguished from errors of the code.</summary>
public sealed class PostgresErrorsTests(LogDatabase database) : IClassFixture<LogDatabase>
{
    public static TheoryData<Exception, bool> Examples => new()
    {
        { Postgres(PostgresErrorCodes.AdminShutdown), true },
        { Postgres(PostgresErrorCodes.CannotConnectNow), true },
        { Postgres(PostgresErrorCodes.QueryCanceled), true },
        { Postgres(PostgresErrorCodes.LockNotAvailable), true },
        { Postgres(PostgresErrorCodes.DeadlockDetected), true },
        { Postgres(PostgresErrorCodes.DiskFull), true },
        { Postgres("08006"), true },
        { Postgres(PostgresErrorCodes.UniqueViolation), false },
        { Postgres(PostgresErrorCodes.NotNullViolation), false },
        { Postgres(PostgresErrorCodes.UndefinedTable), false },
        { Postgres(PostgresErrorCodes.SyntaxError), false },
        { new NpgsqlException("Exception while reading from stream", new IOException()), true },
        { new NpgsqlException("Failed to connect", new SocketException((int)SocketError.ConnectionRefused)), true },
        { new TimeoutException(), true },
        { new InvalidOperationException("wrapped", Postgres(PostgresErrorCodes.AdminShutdown)), true },
        { new InvalidOperationException("wrapped", Postgres(PostgresErrorCodes.UniqueViolation)), false },
        { new InvalidOperationException("a mistake"), false },
        { new OperationCanceledException(), false },
    };

    [Theory]
    [MemberData(nameof(Examples), DisableDiscoveryEnumeration = true)]
    public void Tells_one_from_the_other(Exception exception, bool isUnavailable) =>
        Assert.Equal(isUnavailable, PostgresErrors.IsUnavailable(exception));

    [Fact]
    public async Task A_server_that_is_not_there_is_unavailable()
    {
        await using var source = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Username=nobody;Timeout=2");
        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => PostgresErrors.GuardAsync(async () => await source.OpenConnectionAsync()));
    }

    [Fact]
    public async Task A_pool_without_a_free_connection_is_unavailable()
    {
        await using var source = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { MaxPoolSize = 1, Timeout = 1 });
        await using var taken = await source.OpenConnectionAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => PostgresErrors.GuardAsync(async () => await source.OpenConnectionAsync()));
    }

    [Fact]
    public async Task A_statement_that_takes_too_long_is_unavailable()
    {
        await using var source = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { CommandTimeout = 1 });
        await using var command = source.CreateCommand("SELECT pg_sleep(60)");
        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => PostgresErrors.GuardAsync(() => command.ExecuteNonQueryAsync()));
    }

    [Fact]
    public async Task What_the_caller_cancels_is_cancelled()
    {
        await using var command = database.Source.CreateCommand("SELECT pg_sleep(60)");
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => PostgresErrors.GuardAsync(() => command.ExecuteNonQueryAsync(cancellation.Token)));
    }

    [Fact]
    public async Task A_statement_that_is_wrong_is_a_mistake() =>
        await Assert.ThrowsAsync<PostgresException>(
            () => PostgresErrors.GuardAsync(() => database.ExecuteAsync("SELECT nothing_of_that_name")));

    private static PostgresException Postgres(string state) => new("It went wrong.", "ERROR", "ERROR", state);
}
