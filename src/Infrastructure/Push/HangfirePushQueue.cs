using System.Linq.Expressions;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Push;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Scheduling;
using Hangfire;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.Infrastructure.Push;

/// <summary>
/// Push attempts as Hangfire jobs. Hangfire truncates due times to whole seconds; rounding up keeps jobs from running
/// early.
/// </summary>
internal sealed class HangfirePushQueue(IServiceProvider services, BlockingCalls blocking, TimeProvider clock)
    : IPushQueue
{
    public Task AddAsync(PushTask task, TimeSpan delay) => blocking.RunAsync(() => PostgresErrors.Guard(() =>
    {
        var jobs = services.GetRequiredService<IBackgroundJobClient>();
        Expression<Func<PushJob, Task>> send =
            job => job.SendAsync(task.Subscription, task.Conversation, task.Wake, task.Attempt);
        return delay <= TimeSpan.Zero ? jobs.Enqueue(send) : jobs.Schedule(send, DueAfter(delay));
    }));

    private DateTimeOffset DueAfter(TimeSpan delay)
    {
        var due = clock.GetUtcNow() + delay;
        var excess = due.UtcTicks % TimeSpan.TicksPerSecond;
        return excess == 0 ? due : due.AddTicks(TimeSpan.TicksPerSecond - excess);
    }
}

/// <summary>The Hangfire job of one attempt. Hangfire retries it while PostgreSQL is unavailable.</summary>
internal sealed class PushJob(IMediator mediator)
{
    [AutomaticRetry(Attempts = 20)]
    [Queue(SchedulingRegistration.PushQueue)]
    public Task SendAsync(Guid subscription, Guid conversation, Guid wake, int attempt) =>
        mediator.Send(new SendPush.Command(new PushTask(subscription, conversation, wake, attempt)));
}
