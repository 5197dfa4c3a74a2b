using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Testing;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Postgres;

public sealed class PostgresRegistrationTests : IAsyncLifetime
{
    private TestDatabase? _database;

    public async Task InitializeAsync() => _database = await TestDatabase.CreateAsync();

    public async Task DisposeAsync() => await _database!.DisposeAsync();

    [Fact]
    public async Task Several_nodes_may_start_at_once_on_an_empty_database()
    {
        IHost[] nodes = [.. Enumerable.Range(0, 3).Select(_ => Node())];
        await Task.WhenAll(nodes.Select(node => node.StartAsync()));
        try
        {
            foreach (var node in nodes)
            {
                var append = new StreamAppend(Some.Stream(), StreamAppend.NoStream, Some.Events(1));
                var outcome = await node.Services.GetRequiredService<IEventStore>()
                    .AppendAsync([append], CancellationToken.None);
                Assert.IsType<AppendOutcome.Appended>(outcome[0]);
            }
        }
        finally
        {
            foreach (var node in nodes)
            {
                await node.StopAsync();
                await ((IAsyncDisposable)node).DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task A_second_start_finds_nothing_to_change()
    {
        var first = Node();
        await first.StartAsync();
        await first.StopAsync();
        await ((IAsyncDisposable)first).DisposeAsync();

        var second = Node();
        var changes = await second.Services.GetRequiredService<IDocumentStore>().Storage.CreateMigrationAsync();
        var sql = new StringWriter();
        changes.WriteAllUpdates(sql, new Weasel.Postgresql.PostgresqlMigrator(), JasperFx.AutoCreate.CreateOrUpdate);
        await ((IAsyncDisposable)second).DisposeAsync();

        Assert.Equal("", sql.ToString());
        Assert.Equal(Weasel.Core.SchemaPatchDifference.None, changes.Difference);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData(";Maximum Pool Size=7", true)]
    public async Task There_are_as_many_connections_as_can_work_or_as_the_operator_says(string more, bool said)
    {
        var own = new NpgsqlConnectionStringBuilder(_database!.ConnectionString);
        own.Remove("Maximum Pool Size");
        await using var services = Services(own.ConnectionString + more);
        var connection = services.GetRequiredService<NpgsqlConnectionStringBuilder>();

        Assert.Equal(said ? 7 : Math.Max(16, 4 * Environment.ProcessorCount), connection.MaxPoolSize);
    }

    [Fact]
    public async Task A_table_that_was_never_analysed_is_not_read_whole()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var services = Services(database.ConnectionString);
        await using var session = await services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync();
        await using var command = new NpgsqlCommand(
            """
            CREATE SCHEMA chat;
            CREATE TABLE due (id bigint PRIMARY KEY, at timestamptz NOT NULL);
            CREATE INDEX due_at ON due (at);
            INSERT INTO due SELECT n, now() + interval '1 day' FROM generate_series(1, 5000) n;
            EXPLAIN SELECT EXISTS (SELECT FROM due WHERE at <= now());
            """, session);
        var plan = new List<string>();
        await using (var row = await command.ExecuteReaderAsync())
        {
            while (await row.ReadAsync())
                plan.Add(row.GetString(0));
        }

        Assert.Contains(plan, line => line.Contains("due_at", StringComparison.Ordinal));
    }

    private static ServiceProvider Services(string connection)
    {
        var services = new ServiceCollection();
        services.AddPostgres(connection).AddMartenStore();
        return services.BuildServiceProvider();
    }

    private IHost Node()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddPostgres(_database!.ConnectionString).AddMartenStore().AddPostgresEventStore();
        builder.Services.ConfigureMarten(options => options.Schema.For<Example>());
        return builder.Build();
    }

    public sealed record Example(Guid Id);
}
