namespace ChatCqrs.Testing;

/// <summary>Waits on conditions, never for a fixed time.</summary>
public static class Eventually
{
    /// <summary>The time after which a wait fails; generous, because only a failing test waits that long.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    /// <summary>A token that is cancelled at the deadline.</summary>
    public static CancellationToken Cancelled(TimeSpan? after = null) =>
        new CancellationTokenSource(after ?? Deadline).Token;

    /// <summary>Waits until a condition holds.</summary>
    /// <exception cref="TimeoutException">The condition does not hold before the deadline.</exception>
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
