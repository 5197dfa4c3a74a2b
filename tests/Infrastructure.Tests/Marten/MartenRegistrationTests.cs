using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Testing;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ChatCqrs.Infrastructure.Tests.Marten;

public sealed class MartenRegistrationTests : IAsyncLifetime
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
                var outcome = await node.Services.GetRequiredService<IEventStore>()
                    .AppendAsync([new StreamAppend(Some.Stream(), StreamAppend.NoStream, Some.Events(1))], CancellationToken.None);
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

    private IHost Node()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddMartenStore(_database!.ConnectionString).AddMartenEventStore();
        builder.Services.ConfigureMarten(options => options.Schema.For<Example>());
        return builder.Build();
    }

    public sealed record Example(Guid Id);
}
