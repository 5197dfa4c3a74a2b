using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Push;
using ChatCqrs.Infrastructure.Reacting;
using ChatCqrs.Testing;
using JasperFx;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Push;

public sealed class PostgresPushSubscriptionsTests : IAsyncLifetime
{
    private const int Max = 10;

    private TestDatabase? _database;
    private ServiceProvider? _services;

    private NpgsqlDataSource Source => _services!.GetRequiredService<NpgsqlDataSource>();

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync();
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddPostgres(_database.ConnectionString).AddMartenStore();
        services.ConfigureMarten(PushSchema.Register);
        _services = services.BuildServiceProvider();
        await _services.GetRequiredService<IDocumentStore>().Storage
            .ApplyAllConfiguredChangesToDatabaseAsync(AutoCreate.CreateOrUpdate);
    }

    public async Task DisposeAsync()
    {
        await _services!.DisposeAsync();
        await _database!.DisposeAsync();
    }

    [Fact]
    public async Task Writers_of_one_users_subscriptions_at_the_same_time_wait_for_one_another_and_never_deadlock()
    {
        var subscriptions = new PostgresPushSubscriptions(Source, new ReactionSignal());
        var (user, device) = (new UserId(Guid.CreateVersion7()), new DeviceId(Guid.CreateVersion7()));

        await Parallel.ForEachAsync(
            Enumerable.Range(0, 2_000), new ParallelOptions { MaxDegreeOfParallelism = 16 },
            async (_, cancellationToken) =>
            {
                var address = RandomNumberGenerator.GetBytes(32);
                await subscriptions.AddAsync(
                    new PushSubscription(
                        Guid.CreateVersion7(), user, device, "webpush", new SealedContent(null, address),
                        DateTimeOffset.UtcNow),
                    address, address, Max, cancellationToken);
            });

        Assert.Equal(
            Max, (await Source.QueryAsync(
                "SELECT count(*) FROM push_subscriptions WHERE user_id = $1", row => row.GetInt64(0), default,
                user.Value)).Single());
    }
}
