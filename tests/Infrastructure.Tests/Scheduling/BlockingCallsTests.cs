using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Push;
using ChatCqrs.Infrastructure.Scheduling;
using Hangfire;
using Hangfire.Common;
using Hangfire.States;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.Infrastructure.Tests.Scheduling;

public sealed class BlockingCallsTests
{
    [Fact]
    public async Task A_push_attempt_is_queued_without_a_thread_of_the_pool()
    {
        var client = new SilentClient();
        using var blocking = new BlockingCalls();
        await using var services = new ServiceCollection()
            .AddSingleton<IBackgroundJobClient>(client).BuildServiceProvider();
        var queue = new HangfirePushQueue(services, blocking, TimeProvider.System);

        var added = Enumerable.Range(0, 20).Select(_ => queue.AddAsync(Attempt, TimeSpan.Zero)).ToList();

        Assert.All(added, task => Assert.False(task.IsCompleted));
        client.Answers.Set();
        await Task.WhenAll(added).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(20, client.Calls);
        Assert.Equal(0, client.CallsOnPool);
        Assert.InRange(client.Most, 1, BlockingCalls.ThreadsMax);
    }

    [Fact]
    public async Task What_goes_wrong_is_told_to_the_caller_and_later_calls_run()
    {
        using var blocking = new BlockingCalls();
        for (var i = 0; i <= BlockingCalls.ThreadsMax; i++)
        {
            var failed = blocking.RunAsync(() => throw new InvalidOperationException("Away."));
            Assert.Equal("Away.", (await Assert.ThrowsAsync<InvalidOperationException>(() => failed)).Message);
        }

        var ran = false;
        await blocking.RunAsync(() => ran = true).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(ran);
    }

    private static PushTask Attempt => new(Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), 1);

    /// <summary>A database that does not answer until it is let.</summary>
    private sealed class SilentClient : IBackgroundJobClient
    {
        private int _calls;
        private int _callsOnPool;
        private int _running;
        private int _most;

        public ManualResetEventSlim Answers { get; } = new();

        public int Calls => _calls;

        public int CallsOnPool => _callsOnPool;

        public int Most => _most;

        public string Create(Job job, IState state)
        {
            Interlocked.Increment(ref _calls);
            if (Thread.CurrentThread.IsThreadPoolThread)
                Interlocked.Increment(ref _callsOnPool);
            _most = Math.Max(_most, Interlocked.Increment(ref _running));
            Answers.Wait();
            Interlocked.Decrement(ref _running);
            return "1";
        }

        public bool ChangeState(string jobId, IState state, string expectedState) => throw new NotSupportedException();
    }
}
