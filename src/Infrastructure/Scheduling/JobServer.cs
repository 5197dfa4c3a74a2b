using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Postgres;
using Hangfire;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Infrastructure.Scheduling;

/// <summary>
/// Runs Hangfire's jobs on this node and registers the recurring commands. The host's start does not wait for it.
/// </summary>
internal sealed class JobServer(
    IServiceProvider services, IEnumerable<RecurringCommand> commands, ILogger<JobServer> logger) : BackgroundService
{
    private const int Workers = 2;

    /// <summary>How often Hangfire polls for due jobs, unless a command recurs more often.</summary>
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
                await Task.Delay(Timeout.Infinite, stoppingToken)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                server.SendStop();
                using var limit = new CancellationTokenSource(ShutdownMax);
                await server.WaitForShutdownAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception exception) // A failure must not stop the host.
            {
                if (exception is StoreUnavailableException || PostgresErrors.IsUnavailable(exception))
                    logger.LogWarning("Scheduled jobs wait for PostgreSQL: {Reason}", exception.Message);
                else
                    logger.LogError(exception, "Scheduled jobs could not start; a retry follows.");
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

    /// <summary>Resolves jobs from the container; they are singletons.</summary>
    private sealed class ServiceActivator(IServiceProvider services) : JobActivator
    {
        public override object ActivateJob(Type jobType) => services.GetRequiredService(jobType);
    }
}

/// <summary>
/// Intervals as cron expressions. Cron only has intervals that divide a minute, an hour or a day; other intervals
/// become the next shorter one.
/// </summary>
internal static class Recurrence
{
    /// <param name="every">One second to a day.</param>
    public static string Of(TimeSpan every) =>
        every.TotalSeconds < 60 ? $"*/{Divisor(60, every.TotalSeconds)} * * * * *"
        : every.TotalMinutes < 60 ? $"*/{Divisor(60, every.TotalMinutes)} * * * *"
        : $"0 */{Divisor(24, every.TotalHours)} * * *";

    /// <summary>The largest proper divisor of a whole up to a limit; 1 if there is none.</summary>
    private static int Divisor(int whole, double max) =>
        Enumerable.Range(1, whole - 1).Last(part => whole % part == 0 && (part <= max || part == 1));
}
