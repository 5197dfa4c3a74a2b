using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Push;
using ChatCqrs.Infrastructure.Marten;
using Hangfire;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.Infrastructure.Push;

/// <inheritdoc cref="IPushQueue"/>
internal sealed class HangfirePushQueue(IServiceProvider services) : IPushQueue
{
    public void Add(PushTask task, TimeSpan delay) => PostgresErrors.Guard(() =>
    {
        var jobs = services.GetRequiredService<IBackgroundJobClient>();
        return delay <= TimeSpan.Zero
            ? jobs.Enqueue<PushJob>(job => job.SendAsync(task.Subscription, task.Conversation, task.Wake, task.Attempt))
            : jobs.Schedule<PushJob>(job => job.SendAsync(task.Subscription, task.Conversation, task.Wake, task.Attempt), delay);
    });
}

/// <summary>What Hangfire runs for an attempt: it sends the command. What cannot be reached here, PostgreSQL, Hangfire waits for.</summary>
internal sealed class PushJob(IMediator mediator)
{
    [AutomaticRetry(Attempts = 20)]
    public Task SendAsync(Guid subscription, Guid conversation, Guid wake, int attempt) =>
        mediator.Send(new SendPush.Command(new PushTask(subscription, conversation, wake, attempt)));
}
