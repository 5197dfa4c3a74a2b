namespace ChatCqrs.Bench.Load;

/// <summary>
/// Figures of a run. Latencies and cycles count only while <see cref="Measuring"/>; violations always.
/// </summary>
internal sealed class LoadStatistics
{
    private const int ExamplesMax = 5;

    private readonly List<string> _examples = [];

    public LatencyHistogram ToAck { get; } = new();

    public LatencyHistogram ToReceipt { get; } = new();

    public bool Measuring { get; set; }

    public long Cycles => ToReceipt.Count;

    /// <summary>Cycles completed since the start, warm-up included.</summary>
    public long CyclesEver { get; private set; }

    public long Violations { get; private set; }

    public long Refusals { get; private set; }

    /// <summary>Descriptions of the first few violations and refusals.</summary>
    public IReadOnlyList<string> Examples => _examples;

    public void Acked(long since) => Record(ToAck, since);

    public void Completed(long since)
    {
        CyclesEver++;
        Record(ToReceipt, since);
    }

    public void Violation(string what)
    {
        Violations++;
        Keep("violation: " + what);
    }

    public void Refused(string what)
    {
        Refusals++;
        Keep("refused: " + what);
    }

    private void Record(LatencyHistogram histogram, long since)
    {
        if (Measuring)
        {
            histogram.Record((long)Clock.Span(Clock.Now - since).TotalMicroseconds);
        }
    }

    private void Keep(string example)
    {
        if (_examples.Count < ExamplesMax)
        {
            _examples.Add(example);
        }
    }
}
