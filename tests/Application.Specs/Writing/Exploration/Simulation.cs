namespace ChatCqrs.Application.Specs.Writing.Exploration;

/// <summary>
/// One thread, one clock, one source of chance. Calls to a store and timers wait for their turn, and the seed says
/// whose turn is next. The same seed gives the same schedule.
/// </summary>
internal sealed class Simulation : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _ready = new();
    private readonly List<Action> _turns = [];

    public Simulation(int seed)
    {
        Chance = new Random(seed);
        Clock = new SimulatedClock(this);
    }

    public Random Chance { get; }

    public SimulatedClock Clock { get; }

    /// <summary>The chance that a call to a store fails, from 0 to 1.</summary>
    public double FailureRate { get; set; }

    /// <summary>Runs a test on this thread, with every continuation on it.</summary>
    public void Run(Action test)
    {
        var before = Current;
        SetSynchronizationContext(this);
        try
        {
            test();
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }

    public override void Post(SendOrPostCallback d, object? state) => _ready.Enqueue((d, state));

    public override SynchronizationContext CreateCopy() => this;

    /// <summary>Lets something wait for its turn.</summary>
    public void Enqueue(Action turn) => _turns.Add(turn);

    /// <summary>Ends when this call's turn is taken.</summary>
    public Task TurnAsync()
    {
        var turn = new TaskCompletionSource();
        Enqueue(turn.SetResult);
        return turn.Task;
    }

    /// <summary>Whether the call whose turn it is fails.</summary>
    public bool Fails() => Chance.NextDouble() < FailureRate;

    /// <summary>Takes one of the turns that wait, and runs what it leads to; false when none waits.</summary>
    public bool TakeTurn()
    {
        if (_turns.Count == 0)
            return false;
        var index = Chance.Next(_turns.Count);
        var turn = _turns[index];
        _turns.RemoveAt(index);
        turn();
        Settle();
        return true;
    }

    /// <summary>Runs everything that can run without another turn.</summary>
    public void Settle()
    {
        while (_ready.TryDequeue(out var next))
            next.Callback(next.State);
    }
}

/// <summary>
/// A clock that stands still until it is moved; its timers wait for their turn, however long they were set for.
/// </summary>
internal sealed class SimulatedClock(Simulation simulation) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => Now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer();
        simulation.Enqueue(() =>
        {
            if (!timer.IsDisposed)
                callback(state);
        });
        return timer;
    }

    private sealed class Timer : ITimer
    {
        public bool IsDisposed { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period) => false;

        public void Dispose() => IsDisposed = true;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
