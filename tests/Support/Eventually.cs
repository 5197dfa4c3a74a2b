namespace ChatCqrs.Testing;

/// <summary>Waits on conditions, never for a fixed time.</summary>
public static class Eventually
{
    /// <summary>How long anything may take in a test before it counts as broken; generous, because it is only waited for then.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    /// <summary>A token that is cancelled when the deadline is over.</summary>
    public static CancellationToken Cancelled(TimeSpan? after = null) => new CancellationTokenSource(after ?? Deadline).Token;

    /// <summary>Waits until a condition holds.</summary>
    /// <exception cref="TimeoutException">It does not before the deadline.</exception>
    public static Task IsTrue(Func<bool> condition, string what) => IsTrue(() => Task.FromResult(condition()), what);

    /// <inheritdoc cref="IsTrue(Func{bool}, string)"/>
    public static async Task IsTrue(Func<Task<bool>> condition, string what)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        var cancelled = Cancelled();
        while (!await condition())
        {
            if (cancelled.IsCancellationRequested)
                throw new TimeoutException($"Not within {Deadline.TotalSeconds} s: {what}.");
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }
}
