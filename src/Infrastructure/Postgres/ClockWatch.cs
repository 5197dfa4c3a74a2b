using System.Diagnostics;
using System.Globalization;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// Compares this node's clock with the database's every few seconds, and logs when it is off and when it is right
/// again.
/// </summary>
internal sealed class ClockWatch(
    NpgsqlDataSource database, ClockGuard guard, TimeProvider clock, ILogger<ClockWatch> logger) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var wasRight = true; ;)
        {
            try
            {
                var times = await database.QueryAsync(
                    "SELECT clock_timestamp()", row => row.GetFieldValue<DateTimeOffset>(0), stoppingToken);
                guard.Compare(times.Single(), Slept());
            }
            catch (StoreUnavailableException)
            {
                // Whoever needs the database reports it. The monotonic time goes on.
            }

            var problem = guard.Problem;
            if (problem is not null && wasRight)
                logger.LogCritical("{Problem} Commands are answered with 503 until it is right.", problem);
            else if (problem is null && !wasRight)
                logger.LogWarning("The node's clock is right again.");
            wasRight = problem is null;
            await Task.Delay(Every, clock, stoppingToken);
        }
    }

    /// <summary>
    /// How long the machine has slept since it was started: Linux counts sleep in /proc/uptime (proc_uptime(5)), and
    /// not in the monotonic time. Zero on other systems.
    /// </summary>
    private static TimeSpan Slept()
    {
        const string uptime = "/proc/uptime";
        if (!File.Exists(uptime))
            return TimeSpan.Zero;
        var seconds = File.ReadAllText(uptime).Split(' ')[0];
        return TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture))
            - Stopwatch.GetElapsedTime(0);
    }
}
