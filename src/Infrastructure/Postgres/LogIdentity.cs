using Marten;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// Stores which kind of log the views of this database were folded from. Positions of one log mean nothing in another,
/// so a server that is configured with the other kind does not start.
/// </summary>
internal sealed class LogIdentity(NpgsqlDataSource database, string log) : IHostedService
{
    public const string PostgreSql = "PostgreSQL";
    public const string EventStoreDb = "EventStoreDB";

    public static void Register(StoreOptions options)
    {
        var table = new Table($"{options.DatabaseSchemaName}.log_identity");
        table.AddColumn("id", "int").AsPrimaryKey();
        table.AddColumn("log", "text").NotNull();
        options.Storage.ExtendedSchemaObjects.Add(table);
    }

    /// <exception cref="FormatException">The views in this database come from the other kind of log.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            INSERT INTO log_identity (id, log) VALUES (1, $1)
            ON CONFLICT (id) DO UPDATE SET log = log_identity.log RETURNING log
            """);
        command.Parameters.Add(new() { Value = log });
        var known = (string?)await command.ExecuteScalarAsync(cancellationToken);
        if (known != log)
        {
            throw new FormatException(
                $"The views in this PostgreSQL database were made from a log in {known}; with "
                + $"ConnectionStrings:EventStore as it is now the log would be in {log}. "
                + "Set it back, or use another database.");
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
