using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Postgres;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ChatCqrs.Infrastructure.EventStoreDb;

public static class EventStoreDbRegistration
{
    /// <summary>Adds the log, in EventStoreDB if a connection string is given, else in PostgreSQL.</summary>
    /// <param name="connectionString">
    /// In the form of the official clients, <c>esdb://host:2113?tls=false</c>; null or empty for PostgreSQL.
    /// </param>
    /// <exception cref="FormatException">The connection string is invalid.</exception>
    public static IServiceCollection AddEventLog(this IServiceCollection services, string? connectionString)
    {
        var log = string.IsNullOrEmpty(connectionString) ? LogIdentity.PostgreSql : LogIdentity.EventStoreDb;
        services.ConfigureMarten(LogIdentity.Register);
        services.AddSingleton(provider => new LogIdentity(provider.GetRequiredService<NpgsqlDataSource>(), log));
        services.AddSingleton<ILogIncarnation>(provider => provider.GetRequiredService<LogIdentity>());
        services.AddHostedService(provider => provider.GetRequiredService<LogIdentity>());
        if (string.IsNullOrEmpty(connectionString))
            return services.AddPostgresEventStore();
        var settings = EventStoreDbSettings.Parse(connectionString);
        return services.AddSingleton<IEventStore>(provider => new EventStoreDbEventStore(
            settings, provider.GetRequiredService<ILogger<EventStoreDbEventStore>>()));
    }
}
