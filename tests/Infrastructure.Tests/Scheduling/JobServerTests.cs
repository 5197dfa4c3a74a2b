using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Push;
using ChatCqrs.Infrastructure.Push;
using ChatCqrs.Infrastructure.Scheduling;
using ChatCqrs.Testing;
using Hangfire;
using Hangfire.PostgreSql;
using Hangfire.PostgreSql.Factories;
using Hangfire.Storage;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Scheduling;

/// <summary>Scheduled jobs start when they can; the host does not wait for them.</summary>
public sealed class JobServerTests : IAsyncLifetime
{
    private TestDatabase? _database;

    public async Task InitializeAsync() => _database = await TestDatabase.CreateAsync();

    public async Task DisposeAsync() => await _database!.DisposeAsync();

    [Fact]
    public async Task Whatever_goes_wrong_at_the_start_delays_the_jobs_and_ends_nothing()
    {
        var failed = false;
        var storage = new PostgreSqlStorage(
            new NpgsqlConnectionFactory(_database!.ConnectionString, new PostgreSqlStorageOptions()));
        await using var services = new ServiceCollection().AddSingleton<JobStorage>(_ =>
        {
            if (failed)
                return storage;
            failed = true;
            throw new InvalidOperationException("Not yet.");
        }).BuildServiceProvider();
        var sweep = new RecurringCommand("sweep", _ => TimeSpan.FromHours(1), (_, _) => Task.CompletedTask);
        using var jobs = new JobServer(services, [sweep], NullLogger<JobServer>.Instance);

        await jobs.StartAsync(CancellationToken.None);

        await Eventually.IsTrue(
            () =>
            {
                using var connection = storage.GetConnection();
                return connection.GetRecurringJobs().Any(job => job.Id == "sweep");
            },
            "the job is registered");
        Assert.False(jobs.ExecuteTask!.IsCompleted);
        await jobs.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task What_recurs_does_so_soon_after_a_node_was_killed_that_held_the_locks()
    {
        var sent = new TaskCompletionSource();
        var sweep = new RecurringCommand(
            "sweep", _ => TimeSpan.FromSeconds(1), (_, _) => Task.FromResult(sent.TrySetResult()));
        await using var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(new NpgsqlConnectionStringBuilder(_database!.ConnectionString))
            .AddSingleton(_ => NpgsqlDataSource.Create(_database.ConnectionString))
            .AddSingleton<IMediator>(provider => new Mediator(provider.GetRequiredService))
            .AddSingleton(sweep)
            .AddScheduling()
            .BuildServiceProvider();
        var killed = services.GetRequiredService<JobStorage>().GetConnection();
        foreach (var name in (string[])["recurring-jobs:lock", "lock:recurring-job:sweep"])
            killed.AcquireDistributedLock(name, TimeSpan.Zero); // Never released.

        var jobs = services.GetServices<IHostedService>().OfType<JobServer>().Single();
        await jobs.StartAsync(CancellationToken.None);

        await sent.Task.WaitAsync(TimeSpan.FromSeconds(18)); // With a 20 s lock timeout registering alone took 20 s.
        await jobs.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task What_recurs_does_so_while_all_push_attempts_hang()
    {
        var (sent, hanging) = (new TaskCompletionSource(), new Hanging());
        var sweep = new RecurringCommand(
            "sweep", _ => TimeSpan.FromSeconds(1),
            (_, _) => Task.FromResult(hanging.Running >= JobServer.PushWorkers && sent.TrySetResult()));
        await using var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(new NpgsqlConnectionStringBuilder(_database!.ConnectionString))
            .AddSingleton(_ => NpgsqlDataSource.Create(_database.ConnectionString))
            .AddSingleton<IMediator>(provider => new Mediator(provider.GetRequiredService))
            .AddSingleton<IRequestHandler<SendPush.Command, Unit>>(hanging)
            .AddSingleton<PushJob>()
            .AddSingleton(sweep)
            .AddScheduling()
            .BuildServiceProvider();
        var queue = new HangfirePushQueue(
            services, services.GetRequiredService<BlockingCalls>(), TimeProvider.System);
        for (var i = 0; i < 4 * JobServer.PushWorkers; i++)
            await queue.AddAsync(new PushTask(Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), 1), TimeSpan.Zero);
        var jobs = services.GetServices<IHostedService>().OfType<JobServer>().Single();
        await jobs.StartAsync(CancellationToken.None);

        await sent.Task.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(JobServer.PushWorkers, hanging.Running);
        hanging.End.SetResult();
        await jobs.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task What_goes_wrong_while_the_server_stops_does_not_keep_it()
    {
        var (starting, stopping) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var services = new ServiceCollection().AddSingleton<JobStorage>(_ =>
        {
            starting.SetResult();
            stopping.Task.Wait();
            throw new InvalidOperationException("Too late.");
        }).BuildServiceProvider();
        using var jobs = new JobServer(services, [], NullLogger<JobServer>.Instance);
        await jobs.StartAsync(CancellationToken.None);
        await starting.Task;

        var stopped = jobs.StopAsync(CancellationToken.None);
        stopping.SetResult();
        await stopped;

        Assert.True(jobs.ExecuteTask!.IsCompletedSuccessfully);
    }

    /// <summary>Attempts at a push service that does not answer.</summary>
    private sealed class Hanging : IRequestHandler<SendPush.Command, Unit>
    {
        private int _running;

        public TaskCompletionSource End { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Running => Volatile.Read(ref _running);

        public async Task<Unit> Handle(SendPush.Command request, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _running);
            await End.Task;
            return Unit.Value;
        }
    }
}
