using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>A read model on its way from the log's start to where the live one is, and never beyond.</summary>
/// <param name="live">Up to where the live one is.</param>
/// <param name="apply">Folds a run and commits it; the second argument is the position before it.</param>
internal sealed class Build(LogFeed feed, IEventStore store, Func<LogPosition> live, Func<IReadOnlyList<Recorded>, LogPosition, Task> apply)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>Read, but not folded: the live one has not been there when they were looked at.</summary>
    private IReadOnlyList<Recorded> _ahead = [];
    private FormatException? _poison;

    public LogPosition Position { get; private set; }

    /// <summary>Folds what comes next.</summary>
    /// <returns>Whether everything is folded that the live one has folded.</returns>
    /// <exception cref="FormatException">An event cannot be read.</exception>
    public async Task<bool> StepAsync(CancellationToken cancellationToken)
    {
        var goal = live();
        if (Position >= goal)
            return true;
        if (_ahead.Count == 0)
        {
            if (_poison is not null)
                throw _poison;
            if (await feed.NextAsync(Patience) is not { } run)
                return await store.HeadAsync(cancellationToken) <= Position; // What lay between was truncated.
            (_ahead, _poison) = run;
        }

        var ready = _ahead.TakeWhile(fact => fact.Position <= goal).ToList();
        if (ready.Count > 0)
        {
            await apply(ready, Position);
            Position = ready[^1].Position;
            _ahead = [.. _ahead.Skip(ready.Count)];
        }

        return Position >= goal || _ahead.Count > 0;
    }
}
