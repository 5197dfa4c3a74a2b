using ChatCqrs.Application.Ports;
using Marten;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// Stores which kind of log the views of this database were folded from, and which incarnation of it. Positions of one
/// log mean nothing in another, so a server that is configured with the other kind does not start.
/// </summary>
internal sealed class LogIdentity(NpgsqlDataSource database, string log) : IHostedService, ILogIncarnation
{
    public const string PostgreSql = "PostgreSQL";
    public const string EventStoreDb = "EventStoreDB";

    private volatile object _incarnation = Guid.Empty;

    public Guid Current => (Guid)_incarnation;

    public static void Register(StoreOptions options)
    {
        var table = new Table($"{options.DatabaseSchemaName}.log_identity");
        table.AddColumn("id", "int").AsPrimaryKey();
        table.AddColumn("log", "text").NotNull();
        table.AddColumn("incarnation", "uuid");
        options.Storage.ExtendedSchemaObjects.Add(table);
    }

    /// <exception cref="FormatException">The views in this database come from the other kind of log.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            INSERT INTO log_identity (id, log, incarnation) VALUES (1, $1, gen_random_uuid())
            ON CONFLICT (id) DO UPDATE SET incarnation = coalesce(log_identity.incarnation, excluded.incarnation)
            RETURNING log, incarnation
            """);
        command.Parameters.Add(new() { Value = log });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        var known = row.GetString(0);
        if (known != log)
        {
            throw new FormatException(
                $"The views in this PostgreSQL database were made from a log in {known}; with "
                + $"ConnectionStrings:EventStore as it is now the log would be in {log}. "
                + "Set it back, or use another database.");
        }

        _incarnation = row.GetGuid(1);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<Guid> ReadAsync(CancellationToken cancellationToken) =>
        QueryAsync("SELECT incarnation FROM log_identity WHERE id = 1", cancellationToken);

    public Task<Guid> RenewAsync(CancellationToken cancellationToken) => QueryAsync(
        "UPDATE log_identity SET incarnation = gen_random_uuid() WHERE id = 1 RETURNING incarnation",
        cancellationToken);

    private async Task<Guid> QueryAsync(string sql, CancellationToken cancellationToken)
    {
        var found = (await database.QueryAsync(sql, row => row.GetGuid(0), cancellationToken)).Single();
        _incarnation = found;
        return found;
    }
}
