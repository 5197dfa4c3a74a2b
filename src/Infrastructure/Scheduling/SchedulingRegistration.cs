using ChatCqrs.Infrastructure.Marten;
using Hangfire;
using Hangfire.PostgreSql;
using Hangfire.PostgreSql.Factories;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ChatCqrs.Infrastructure.Scheduling;

/// <summary>A command that the clock sends again and again, on one node at a time.</summary>
/// <param name="Name">Its name in the dashboard.</param>
/// <param name="Every">How often.</param>
internal sealed record RecurringCommand(string Name, Func<IServiceProvider, TimeSpan> Every, Func<IMediator, CancellationToken, Task> SendAsync);

public static class SchedulingRegistration
{
    /// <summary>The schema of Hangfire's own tables.</summary>
    public const string Schema = "hangfire";

    /// <summary>
    /// After a node was killed, the locks that it held are free again after so long; until then no other node, nor its own next start, gives out what recurs.
    /// Nearly all are held for a few statements. Where one is held for longer, or nodes' clocks differ by more, two nodes may give out the same job, which jobs
    /// bear: they take an advisory lock (<see cref="CommandJob"/>) or claim what they do, and Hangfire changes a job's state only from the one that it expects.
    /// </summary>
    private static readonly TimeSpan LocksLast = TimeSpan.FromSeconds(5);

    /// <summary>After a node was killed, the jobs that it was at are taken up again after so long.</summary>
    private static readonly TimeSpan JobsHiddenFor = TimeSpan.FromSeconds(20);

    private const int ConnectionsMax = 8;

    /// <summary>
    /// Hangfire on the same PostgreSQL. Its parts are made here one by one, since the package's own registration keeps them in static fields, of
    /// which a process has one; and not before they are needed, since its storage connects when it is made.
    /// </summary>
    public static IServiceCollection AddScheduling(this IServiceCollection services)
    {
        services.AddSingleton<JobStorage>(provider => Open(provider.GetRequiredService<NpgsqlConnectionStringBuilder>()));
        services.AddSingleton<IBackgroundJobClient>(provider => new BackgroundJobClient(provider.GetRequiredService<JobStorage>()));
        services.AddSingleton<CommandJob>();
        services.AddHostedService<JobServer>();
        return services;
    }

    /// <summary>Has a command sent at a fixed rate. It must be safe to repeat and to break off.</summary>
    /// <param name="every">At least a second.</param>
    public static IServiceCollection AddRecurring<TResult>(
        this IServiceCollection services, string name, Func<IServiceProvider, TimeSpan> every, Func<IRequest<TResult>> command) =>
        services.AddSingleton(new RecurringCommand(name, every, (mediator, cancellationToken) => mediator.Send(command(), cancellationToken)));

    private static PostgreSqlStorage Open(NpgsqlConnectionStringBuilder database)
    {
        var options = new PostgreSqlStorageOptions
        {
            SchemaName = Schema,
            QueuePollInterval = TimeSpan.FromSeconds(2),
            DistributedLockTimeout = LocksLast,
            InvisibilityTimeout = JobsHiddenFor,
            UseSlidingInvisibilityTimeout = true,
            EnableTransactionScopeEnlistment = false,
        };
        var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString)
        {
            ApplicationName = "chatcqrs-jobs",
            MinPoolSize = 0,
            MaxPoolSize = ConnectionsMax,
            Enlist = false,
        };
        return PostgresErrors.Guard(() => new PostgreSqlStorage(new NpgsqlConnectionFactory(connection.ConnectionString, options), options));
    }
}
