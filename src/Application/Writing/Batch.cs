using System.Diagnostics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Writing;

/// <summary>The decisions that go into the log in one append, and their streams.</summary>
internal sealed class Batch
{
    private readonly List<Decision> _decisions = [];
    private int _bytes;

    public List<StreamAppend> Appends { get; } = [];

    public int Events { get; private set; }

    public bool HasRoom(WriterOptions options) => Events < options.BatchMax && _bytes < options.BatchBytesMax;

    public void Add(Decision decision)
    {
        _decisions.Add(decision);
        Events += decision.EventCount;
        _bytes += decision.Bytes;
        var id = decision.Conversation.Id;
        if (decision.Stream.HasEvents)
            Appends.Add(decision.Stream.Append(StreamName.Of(id)));
        if (decision.Receipts is { HasEvents: true } receipts)
            Appends.Add(receipts.Append(StreamName.OfReceipts(id)));
    }

    /// <summary>Each decision with the outcomes of its two streams; null for a stream without events.</summary>
    /// <param name="outcomes">One for each of <see cref="Appends"/>.</param>
    public IEnumerable<(Decision Decision, AppendOutcome? Entries, AppendOutcome? Receipts)> Outcomes(
        IReadOnlyList<AppendOutcome> outcomes)
    {
        var next = 0;
        foreach (var decision in _decisions)
        {
            var entries = decision.Stream.HasEvents ? outcomes[next++] : null;
            var receipts = decision.Receipts is { HasEvents: true } ? outcomes[next++] : null;
            yield return (decision, entries, receipts);
        }
    }

    /// <summary>The sampled requests that the batch answers: each sees the append in its own trace.</summary>
    public IReadOnlyList<Activity> SampledRequests() => Telemetry.Source.HasListeners()
        ? [.. _decisions.SelectMany(decision => decision.Answers.Concat(decision.ReceiptAnswers))
            .Select(answer => answer.Request.Sampled).OfType<Activity>()]
        : [];
}
