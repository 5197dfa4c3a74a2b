using ChatCqrs.Application.Ports;
using JasperFx;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;
using Weasel.Core;

namespace ChatCqrs.Infrastructure.Marten;

public static class MartenRegistration
{
    /// <summary>The schema of everything that is ours in the database.</summary>
    public const string Schema = "chat";

    /// <summary>
    /// Npgsql takes the connection that has rested longest, so each of them sees a little of every statement: more than can work at once only let PostgreSQL plan
    /// the same statements again and again.
    /// </summary>
    private static readonly int ConnectionsMax = Math.Max(16, 4 * Environment.ProcessorCount);

    /// <summary>
    /// PostgreSQL with Marten: documents, the tables beside them, and the schema's upkeep at start (one node at a time, by an advisory lock). Others add
    /// their documents and tables with <c>services.ConfigureMarten</c>.
    /// </summary>
    public static IServiceCollection AddMartenStore(this IServiceCollection services, string connectionString)
    {
        var connection = PostgresConnection.Parse(connectionString);
        connection.ApplicationName ??= "chatcqrs";
        if (!connection.ShouldSerialize("Maximum Pool Size"))
            connection.MaxPoolSize = ConnectionsMax;
        connection.CommandTimeout = 30;
        connection.Timeout = Math.Min(connection.Timeout, 5);
        connection.MaxAutoPrepare = 100;
        connection.AutoPrepareMinUsages = 2;
        // Our queries take less time than compiling them, and each walks along indexes: a table that has grown since PostgreSQL last looked must not be read whole.
        connection.Options = $"{connection.Options} -c jit=off -c enable_seqscan=off".Trim();
        services.AddSingleton(connection);
        services.AddSingleton(_ => NpgsqlDataSource.Create(connection));
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<StartupOptions>().BindConfiguration("Startup")
            .Validate(
                startup => startup.DatabaseWait >= TimeSpan.Zero && startup.DatabaseWait <= TimeSpan.FromHours(1), "Startup:DatabaseWait must be 0 to 01:00:00.")
            .ValidateOnStart();
        services.AddHostedService<SchemaUpkeep>();
        services
            .AddMarten(provider =>
            {
                var options = new StoreOptions { DatabaseSchemaName = Schema, AutoCreateSchemaObjects = AutoCreate.CreateOrUpdate };
                options.Connection(provider.GetRequiredService<NpgsqlDataSource>());
                options.UseSystemTextJsonForSerialization(EnumStorage.AsString, Casing.SnakeCase);
                options.DisableNpgsqlLogging = true;
                return options;
            })
            .UseLightweightSessions();
        return services;
    }

    /// <summary>The embedded log, in the same database.</summary>
    public static IServiceCollection AddMartenEventStore(this IServiceCollection services)
    {
        services.ConfigureMarten(LogSchema.Register);
        return services.AddSingleton<IEventStore>(provider => new MartenEventStore(
            provider.GetRequiredService<NpgsqlDataSource>(), provider.GetRequiredService<NpgsqlConnectionStringBuilder>(), Schema));
    }
}
