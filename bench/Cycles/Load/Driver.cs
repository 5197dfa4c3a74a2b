namespace ChatCqrs.Bench.Load;

/// <summary>Drives pairs through a warm-up and a measured span, then waits for all messages under way.</summary>
internal sealed class Driver(EventLoop loop, IReadOnlyList<Pair> pairs, LoadStatistics statistics)
{
    private static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(50), DrainMost = TimeSpan.FromSeconds(20);

    /// <summary>Closed loop: each pair always has <paramref name="inFlight"/> messages under way.</summary>
    /// <param name="atStart">Called when the measured span begins.</param>
    /// <param name="atEnd">Called when the measured span ends, before the load does.</param>
    public void Saturate(int inFlight, TimeSpan warmUp, TimeSpan span, Action atStart, Action atEnd)
    {
        foreach (var pair in pairs)
        {
            pair.Completed = p => p.Send(Clock.Now);
            for (var i = 0; i < inFlight; i++)
            {
                pair.Send(Clock.Now);
            }
        }

        Run(warmUp, span, atStart, atEnd, () => Turn);
    }

    /// <summary>
    /// Open loop: messages are due at a fixed rate whatever the server does. Latencies count from the due time, so that
    /// a stall shows in every message it delays.
    /// </summary>
    /// <param name="rate">Messages a second, of all pairs together.</param>
    public void Pace(int rate, TimeSpan warmUp, TimeSpan span, Action atStart, Action atEnd)
    {
        var start = Clock.Now;
        var interval = Clock.Ticks(TimeSpan.FromSeconds(1)) / (double)rate;
        long sent = 0;
        Run(warmUp, span, atStart, atEnd, () =>
        {
            for (var due = start + (long)(sent * interval); ; due = start + (long)(sent * interval))
            {
                if (due > Clock.Now)
                {
                    return Clock.Span(due - Clock.Now);
                }

                pairs[(int)(sent++ % pairs.Count)].Send(due);
            }
        });
    }

    private void Run(TimeSpan warmUp, TimeSpan span, Action atStart, Action atEnd, Func<TimeSpan> step)
    {
        TurnFor(warmUp, step);
        atStart();
        statistics.Measuring = true;
        TurnFor(span, step);
        statistics.Measuring = false;
        atEnd();
        foreach (var pair in pairs)
        {
            pair.Completed = null;
        }

        if (!loop.TurnUntil(() => pairs.All(p => p.UnderWay == 0), DrainMost))
        {
            statistics.Violation(
                $"{pairs.Sum(p => p.UnderWay)} cycles were not complete {DrainMost.TotalSeconds} s after the end");
        }

        if (pairs.Sum(p => Math.Abs(p.Undelivered)) is not 0 and var missing)
        {
            statistics.Violation($"{missing} messages acknowledged but not delivered, or the other way round");
        }
    }

    private void TurnFor(TimeSpan span, Func<TimeSpan> step)
    {
        var end = Clock.Now + Clock.Ticks(span);
        while (Clock.Now < end)
        {
            loop.Turn(step());
        }
    }
}
