using ChatCqrs.Infrastructure.Postgres;
using JasperFx;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Weasel.Core;

namespace ChatCqrs.Infrastructure.Marten;

public static class MartenRegistration
{
    /// <summary>
    /// Adds Marten's document store, in the database of <see cref="PostgresRegistration.AddPostgres"/>. Other adapters
    /// add their documents and tables with <c>services.ConfigureMarten</c>; <see cref="SchemaUpkeep"/> creates them.
    /// </summary>
    public static IServiceCollection AddMartenStore(this IServiceCollection services)
    {
        services
            .AddMarten(provider =>
            {
                var options = new StoreOptions
                {
                    DatabaseSchemaName = PostgresRegistration.Schema,
                    AutoCreateSchemaObjects = AutoCreate.CreateOrUpdate,
                };
                options.Connection(provider.GetRequiredService<NpgsqlDataSource>());
                options.UseSystemTextJsonForSerialization(EnumStorage.AsString, Casing.SnakeCase);
                options.DisableNpgsqlLogging = true;
                return options;
            })
            .UseLightweightSessions();
        return services;
    }
}
