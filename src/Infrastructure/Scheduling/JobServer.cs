using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Postgres;
using Hangfire;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Infrastructure.Scheduling;

/// <summary>
/// Runs Hangfire's jobs on this node and registers the recurring commands. The host's start does not wait for it. The
/// clock, push and exports have queues and workers of their own, so that none delays a sweep or an erasure.
/// </summary>
internal sealed class JobServer(
    IServiceProvider services, IEnumerable<RecurringCommand> commands, ILogger<JobServer> logger) : BackgroundService
{
    /// <summary>Recurring commands at once, a node.</summary>
    internal const int ClockWorkers = 2;

    /// <summary>Push attempts at once, a node.</summary>
    internal const int PushWorkers = 8;

    /// <summary>Exports at once, a node.</summary>
    internal const int ExportWorkers = 1;

    /// <summary>The queue of earlier versions.</summary>
    private const string FormerQueue = "default";

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
                using var clock = Start();
                using var push = Work(
                    PushWorkers, [SchedulingRegistration.PushQueue, FormerQueue], options =>
                        options.IsLightweightServer = true); // The clock's server schedules.
                using var exports = Work(
                    ExportWorkers, [SchedulingRegistration.ExportQueue], options =>
                        options.IsLightweightServer = true);
                await Task.Delay(Timeout.Infinite, stoppingToken)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                clock.SendStop();
                push.SendStop();
                exports.SendStop();
                using var limit = new CancellationTokenSource(ShutdownMax);
                await Task.WhenAll(
                    clock.WaitForShutdownAsync(limit.Token), push.WaitForShutdownAsync(limit.Token),
                    exports.WaitForShutdownAsync(limit.Token)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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
        var recurring = new RecurringJobManager(services.GetRequiredService<JobStorage>());
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

        return Work(
            ClockWorkers, [SchedulingRegistration.ClockQueue], options => options.SchedulePollingInterval = shortest);
    }

    private BackgroundJobServer Work(int workers, string[] queues, Action<BackgroundJobServerOptions> configure)
    {
        var options = new BackgroundJobServerOptions
        {
            WorkerCount = workers,
            Queues = queues,
            ShutdownTimeout = ShutdownMax,
            StopTimeout = ShutdownMax,
            Activator = new ServiceActivator(services),
        };
        configure(options);
        return new BackgroundJobServer(options, services.GetRequiredService<JobStorage>());
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
