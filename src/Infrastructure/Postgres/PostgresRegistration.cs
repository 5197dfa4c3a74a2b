using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

public static class PostgresRegistration
{
    /// <summary>The database schema of all tables of this product.</summary>
    public const string Schema = "chat";

    /// <summary>
    /// Default size of the connection pool. Npgsql hands out the connection that has been idle longest, so every
    /// connection sees every statement now and then: with more connections than can work at once, PostgreSQL plans the
    /// same statements again and again.
    /// </summary>
    private static readonly int ConnectionsMax = Math.Max(16, 4 * Environment.ProcessorCount);

    /// <summary>
    /// Adds the data source and the schema's upkeep at start (one node at a time, by an advisory lock). The upkeep
    /// needs Marten's document store: <c>AddMartenStore</c>.
    /// </summary>
    /// <exception cref="FormatException">The connection string cannot be parsed.</exception>
    public static IServiceCollection AddPostgres(this IServiceCollection services, string connectionString)
    {
        var connection = PostgresConnection.Parse(connectionString);
        connection.ApplicationName ??= "chatcqrs";
        if (!connection.ShouldSerialize("Maximum Pool Size"))
            connection.MaxPoolSize = ConnectionsMax;
        connection.CommandTimeout = 30;
        connection.Timeout = Math.Min(connection.Timeout, 5);
        connection.MaxAutoPrepare = 100;
        connection.AutoPrepareMinUsages = 2;
        connection.SearchPath = Schema; // Queries name tables and functions without the schema (docs/adr/0015).
        // JIT off: the queries take less time than their compilation. Sequential scans off: each query has an index,
        // and the statistics of a table that has grown since its last ANALYZE must not lead to a scan of the whole
        // table.
        connection.Options = $"{connection.Options} -c jit=off -c enable_seqscan=off".Trim();
        services.AddSingleton(connection);
        services.AddSingleton(_ => NpgsqlDataSource.Create(connection));
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<StartupOptions>().BindConfiguration("Startup")
            .Validate(
                startup => startup.DatabaseWait >= TimeSpan.Zero && startup.DatabaseWait <= TimeSpan.FromHours(1),
                "Startup:DatabaseWait must be 0 to 01:00:00.")
            .ValidateOnStart();
        services.TryAddSingleton<ClockGuard>();
        services.AddHostedService<SchemaUpkeep>();
        services.AddHostedService<ClockWatch>();
        return services;
    }

    /// <summary>The embedded log, in the same database.</summary>
    public static IServiceCollection AddPostgresEventStore(this IServiceCollection services)
    {
        services.ConfigureMarten(LogSchema.Register);
        return services.AddSingleton<IEventStore, PostgresEventStore>();
    }
}
