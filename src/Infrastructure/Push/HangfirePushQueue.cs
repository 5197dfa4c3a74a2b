using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Push;
using ChatCqrs.Infrastructure.Marten;
using Hangfire;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.Infrastructure.Push;

/// <summary>Attempts as Hangfire's jobs. It keeps when a job is due in whole seconds and leaves the rest out, so that is rounded up: never too early.</summary>
internal sealed class HangfirePushQueue(IServiceProvider services, TimeProvider clock) : IPushQueue
{
    public void Add(PushTask task, TimeSpan delay) => PostgresErrors.Guard(() =>
    {
        var jobs = services.GetRequiredService<IBackgroundJobClient>();
        return delay <= TimeSpan.Zero
            ? jobs.Enqueue<PushJob>(job => job.SendAsync(task.Subscription, task.Conversation, task.Wake, task.Attempt))
            : jobs.Schedule<PushJob>(job => job.SendAsync(task.Subscription, task.Conversation, task.Wake, task.Attempt), DueAfter(delay));
    });

    private DateTimeOffset DueAfter(TimeSpan delay)
    {
        var due = clock.GetUtcNow() + delay;
        var beyond = due.UtcTicks % TimeSpan.TicksPerSecond;
        return beyond == 0 ? due : due.AddTicks(TimeSpan.TicksPerSecond - beyond);
    }
}

/// <summary>What Hangfire runs for an attempt: it sends the command. What cannot be reached here, PostgreSQL, Hangfire waits for.</summary>
internal sealed class PushJob(IMediator mediator)
{
    [AutomaticRetry(Attempts = 20)]
    public Task SendAsync(Guid subscription, Guid conversation, Guid wake, int attempt) =>
        mediator.Send(new SendPush.Command(new PushTask(subscription, conversation, wake, attempt)));
}
