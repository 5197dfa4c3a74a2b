using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Marten;
using Hangfire;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Infrastructure.Scheduling;

/// <summary>Runs Hangfire's jobs on this node, and tells it which commands recur. The server's start does not wait for it.</summary>
internal sealed class JobServer(IServiceProvider services, IEnumerable<RecurringCommand> commands, ILogger<JobServer> logger) : BackgroundService
{
    private const int Workers = 2;

    /// <summary>How often Hangfire looks for what is due, unless a command recurs more often.</summary>
    private static readonly TimeSpan PollEvery = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan ShutdownMax = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StartRetry = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                using var server = Start();
                await Task.Delay(Timeout.Infinite, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                server.SendStop();
                using var limit = new CancellationTokenSource(ShutdownMax);
                await server.WaitForShutdownAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception exception) // Whatever it is, the node itself goes on.
            {
                if (exception is StoreUnavailableException || PostgresErrors.IsUnavailable(exception))
                    logger.LogWarning("The clock's jobs wait for PostgreSQL: {Reason}", exception.Message);
                else
                    logger.LogError(exception, "The clock's jobs could not be started; it is tried again.");
                await Task.Delay(StartRetry, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private BackgroundJobServer Start()
    {
        var storage = services.GetRequiredService<JobStorage>();
        var recurring = new RecurringJobManager(storage);
        var shortest = PollEvery;
        foreach (var command in commands)
        {
            var every = command.Every(services);
            var name = command.Name;
            recurring.AddOrUpdate<CommandJob>(
                name, job => job.SendAsync(name, CancellationToken.None), Recurrence.Of(every),
                new RecurringJobOptions { MisfireHandling = MisfireHandlingMode.Relaxed });
            shortest = every < shortest ? every : shortest;
        }

        var options = new BackgroundJobServerOptions
        {
            WorkerCount = Workers,
            SchedulePollingInterval = shortest,
            ShutdownTimeout = ShutdownMax,
            StopTimeout = ShutdownMax,
            Activator = new ServiceActivator(services),
        };
        return new BackgroundJobServer(options, storage);
    }

    /// <summary>Jobs are singletons, like the use cases that they send commands to.</summary>
    private sealed class ServiceActivator(IServiceProvider services) : JobActivator
    {
        public override object ActivateJob(Type jobType) => services.GetRequiredService(jobType);
    }
}

/// <summary>Rates as cron expressions, which know only rates that divide a minute, an hour or a day: the next faster one is taken.</summary>
internal static class Recurrence
{
    /// <param name="every">One second to a day.</param>
    public static string Of(TimeSpan every) => every.TotalSeconds < 60 ? $"*/{Divisor(60, every.TotalSeconds)} * * * * *"
        : every.TotalMinutes < 60 ? $"*/{Divisor(60, every.TotalMinutes)} * * * *"
        : $"0 */{Divisor(24, every.TotalHours)} * * *";

    private static int Divisor(int whole, double wanted) => Enumerable.Range(1, whole - 1).Last(part => whole % part == 0 && (part <= wanted || part == 1));
}
