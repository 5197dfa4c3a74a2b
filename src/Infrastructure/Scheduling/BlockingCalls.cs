using System.Collections.Concurrent;

namespace ChatCqrs.Infrastructure.Scheduling;

/// <summary>
/// Runs calls that block, on threads of their own. Hangfire's client has no other calls. On the shared pool, which
/// has few threads and makes new ones slowly, a fan-out of them would hold up every request of the node.
/// </summary>
internal sealed class BlockingCalls : IDisposable
{
    /// <summary>Calls at once; further ones wait, and so do their callers.</summary>
    internal const int ThreadsMax = 2;

    private readonly BlockingCollection<Action> _calls = [];

    public BlockingCalls()
    {
        for (var i = 0; i < ThreadsMax; i++)
            new Thread(Run) { IsBackground = true, Name = "blocking calls" }.Start();
    }

    /// <exception cref="InvalidOperationException">The node is stopping.</exception>
    public Task RunAsync(Action call)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _calls.Add(() =>
        {
            try
            {
                call();
                done.SetResult();
            }
            catch (Exception exception) // The caller's. Here it would end the process.
            {
                done.SetException(exception);
            }
        });
        return done.Task;
    }

    /// <summary>Lets the threads end once no call waits.</summary>
    public void Dispose() => _calls.CompleteAdding();

    private void Run()
    {
        foreach (var call in _calls.GetConsumingEnumerable())
            call();
    }
}
