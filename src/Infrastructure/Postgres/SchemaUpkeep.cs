using System.Diagnostics;
using ChatCqrs.Application.Ports;
using JasperFx;
using Marten;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>Settings of the start (section <c>Startup</c> of the configuration).</summary>
public sealed record StartupOptions
{
    /// <summary>
    /// How long the start waits for PostgreSQL to answer and for another node that works on the schema; 0 to an hour.
    /// </summary>
    public TimeSpan DatabaseWait { get; init; } = TimeSpan.FromMinutes(1);
}

/// <summary>
/// The first hosted service of a node: waits until PostgreSQL answers, and brings the schema up to date, one node at a
/// time. Marten's own migration at start waits less than a second for either.
/// </summary>
internal sealed class SchemaUpkeep(
    IDocumentStore documents, NpgsqlConnectionStringBuilder database, IOptions<StartupOptions> options,
    TimeProvider clock, ILogger<SchemaUpkeep> logger) : IHostedService
{
    /// <summary>The advisory lock's key: "ChatSchm" in ASCII. The session that holds it ends with the work.</summary>
    private const long Lock = 0x436861745363686d;

    /// <summary>
    /// How long one attempt waits for a table; attempts repeat within <see cref="StartupOptions.DatabaseWait"/>.
    /// </summary>
    private const string LockWait = "-c lock_timeout=5s";

    /// <summary>How often one attempt asks for the advisory lock.</summary>
    private const int AsksMax = 20;

    private static readonly TimeSpan RetryMin = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(4);

    /// <summary>How often the log repeats that PostgreSQL does not answer.</summary>
    private static readonly TimeSpan LogEvery = TimeSpan.FromSeconds(10);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var (started, logged, retry) = (clock.GetTimestamp(), -LogEvery, RetryMin);
        while (true)
        {
            try
            {
                await WorkAsync(cancellationToken);
                return;
            }
            catch (PostgresException refused)
                when (!PostgresErrors.IsUnavailable(refused) && refused.SqlState[..2] is "28" or "3D")
            {
                throw new StoreUnavailableException(
                    $"PostgreSQL refuses what ConnectionStrings:Postgres says: {refused.MessageText}.", refused);
            }
            catch (Exception exception) when (PostgresErrors.IsUnavailable(exception))
            {
                var waited = clock.GetElapsedTime(started);
                if (waited + retry > options.Value.DatabaseWait)
                {
                    throw new StoreUnavailableException(
                        $"PostgreSQL cannot be used: {exception.Message} (Tried for {waited.TotalSeconds:0} s.)",
                        exception);
                }

                if (waited - logged >= LogEvery)
                {
                    logger.LogWarning("Waiting for PostgreSQL: {Reason}", exception.Message);
                    logged = waited;
                }
            }

            await Task.Delay(retry, clock, cancellationToken);
            retry = retry * 2 < RetryMax ? retry * 2 : RetryMax;
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task WorkAsync(CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        await using var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database.ConnectionString)
        {
            ApplicationName = $"{database.ApplicationName}-schema",
            Options = $"{database.Options} {LockWait}".Trim(),
            Pooling = false,
        }.ConnectionString);
        await session.OpenAsync(cancellationToken);
        await LockAsync(session, cancellationToken);
        await SchemaUpgrades.ApplyAsync(session, cancellationToken);
        var tables = documents.Storage.AllObjects().OfType<Table>();
        await MissingIndexes.BuildAsync(tables, session, logger, cancellationToken);
        await documents.Storage.ApplyAllConfiguredChangesToDatabaseAsync(AutoCreate.CreateOrUpdate);
        var elapsed = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        logger.LogInformation("The database's schema is up to date, after {Milliseconds:0} ms.", elapsed);
    }

    /// <summary>
    /// Polls for the advisory lock. A session that waited inside a query would deadlock with CREATE INDEX CONCURRENTLY
    /// of the node that holds the lock, which waits for all open queries.
    /// </summary>
    private async Task LockAsync(NpgsqlConnection session, CancellationToken cancellationToken)
    {
        for (var asked = 1; !await TryLockAsync(session, cancellationToken); asked++)
        {
            if (asked == 1)
                logger.LogInformation("Another node works on the database's schema; waiting for it.");
            if (asked == AsksMax)
                throw new TimeoutException("Another node works on the database's schema.");
            await Task.Delay(RetryMin, clock, cancellationToken);
        }
    }

    private static async Task<bool> TryLockAsync(NpgsqlConnection session, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"SELECT pg_try_advisory_lock({Lock})", session);
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }
}
