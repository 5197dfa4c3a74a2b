using System.Diagnostics;

namespace ChatCqrs.Acceptance;

/// <summary>Waits for conditions, with a deadline. Tests let time pass in no other way.</summary>
public static class Eventually
{
    /// <summary>The default time for a condition to come true; generous, for busy machines.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(25);

    /// <summary>Reads until a value satisfies the condition, and returns that value.</summary>
    public static async Task<T> GetAsync<T>(
        Func<Task<T>> read, Func<T, bool> until, string what, TimeSpan? within = null)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var value = await read();
            if (until(value)) return value;
            if (clock.Elapsed > (within ?? Deadline))
                Assert.Fail($"{what}: not so within {clock.Elapsed.TotalSeconds:0.0} s. Last seen: {value}");
            await Task.Delay(Pause);
        }
    }

    public static Task BeAsync(Func<bool> condition, string what, TimeSpan? within = null) =>
        GetAsync(() => Task.FromResult(condition()), held => held, what, within);

    public static Task BeAsync(Func<Task<bool>> condition, string what, TimeSpan? within = null) =>
        GetAsync(condition, held => held, what, within);

    /// <summary>The pause of a client before it retries.</summary>
    public static Task BreatheAsync(CancellationToken cancellation = default) => Task.Delay(Pause, cancellation);
}
