using ChatCqrs.Infrastructure.Postgres;
using Hangfire;
using Hangfire.PostgreSql;
using Hangfire.PostgreSql.Factories;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ChatCqrs.Infrastructure.Scheduling;

/// <summary>A command that recurs at an interval, on one node at a time.</summary>
/// <param name="Name">The job's id, which the dashboard shows.</param>
/// <param name="Every">The interval, one second to a day.</param>
internal sealed record RecurringCommand(
    string Name, Func<IServiceProvider, TimeSpan> Every, Func<IMediator, CancellationToken, Task> SendAsync);

public static class SchedulingRegistration
{
    /// <summary>The schema of Hangfire's tables.</summary>
    public const string Schema = "hangfire";

    /// <summary>The queue of recurring commands, with workers of its own: nothing else may delay them.</summary>
    internal const string ClockQueue = "clock";

    /// <summary>The queue of push attempts, whose duration strangers' servers decide.</summary>
    internal const string PushQueue = "push";

    /// <summary>The queue of exports, which may take hours.</summary>
    internal const string ExportQueue = "exports";

    /// <summary>
    /// After this time Hangfire frees the locks of a killed node; until then no node enqueues recurring jobs. Most
    /// locks last a few statements. When a lock is held longer, or clocks differ by more, two nodes may enqueue the
    /// same job. Jobs tolerate that: they take an advisory lock (<see cref="CommandJob"/>) or claim their work, and
    /// Hangfire changes a job's state only from the expected one.
    /// </summary>
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(5);

    /// <summary>After this time other nodes take over the running jobs of a killed node.</summary>
    private static readonly TimeSpan JobTimeout = TimeSpan.FromSeconds(20);

    private const int ConnectionsMax = 12;

    /// <summary>
    /// Adds Hangfire on the same PostgreSQL. The container creates its parts, because the package's own registration
    /// keeps them in static fields, one set a process; and lazily, because creating the storage connects.
    /// </summary>
    public static IServiceCollection AddScheduling(this IServiceCollection services)
    {
        services.AddSingleton<JobStorage>(provider =>
            Open(provider.GetRequiredService<NpgsqlConnectionStringBuilder>()));
        services.AddSingleton<IBackgroundJobClient>(provider =>
            new BackgroundJobClient(provider.GetRequiredService<JobStorage>()));
        services.AddSingleton<BlockingCalls>();
        services.AddSingleton<CommandJob>();
        services.AddHostedService<JobServer>();
        return services;
    }

    /// <summary>Sends a command at a fixed interval. The command must tolerate repetition and cancellation.</summary>
    /// <param name="every">The interval, one second to a day.</param>
    public static IServiceCollection AddRecurring<TResult>(
        this IServiceCollection services, string name, Func<IServiceProvider, TimeSpan> every,
        Func<IRequest<TResult>> command) =>
        services.AddSingleton(new RecurringCommand(
            name, every, (mediator, cancellationToken) => mediator.Send(command(), cancellationToken)));

    private static PostgreSqlStorage Open(NpgsqlConnectionStringBuilder database)
    {
        var options = new PostgreSqlStorageOptions
        {
            SchemaName = Schema,
            QueuePollInterval = TimeSpan.FromSeconds(2),
            DistributedLockTimeout = LockTimeout,
            InvisibilityTimeout = JobTimeout,
            UseSlidingInvisibilityTimeout = true,
            EnableTransactionScopeEnlistment = false,
        };
        var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString)
        {
            ApplicationName = "chatcqrs-jobs",
            SearchPath = null,
            MinPoolSize = 0,
            MaxPoolSize = ConnectionsMax,
            Enlist = false,
        };
        return PostgresErrors.Guard(() =>
            new PostgreSqlStorage(new NpgsqlConnectionFactory(connection.ConnectionString, options), options));
    }
}
