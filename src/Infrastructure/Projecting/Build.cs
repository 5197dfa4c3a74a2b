using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Folds a read model anew, from the log's start up to the position of the live one and never beyond.
/// </summary>
/// <param name="live">The position of the live one.</param>
/// <param name="apply">
/// Folds a run and commits it; the second argument is the position before it. After a
/// <see cref="RunFailedException"/> it is called again for half of the run: a build that began again from the log's
/// start would meet the same run.
/// </param>
internal sealed class Build(
    LogFeed feed, IEventStore store, Func<LogPosition> live, Func<IReadOnlyList<Recorded>, LogPosition, Task> apply)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly RunSize _runSize = new();

    /// <summary>Events that were read but lie beyond the live position of that moment.</summary>
    private IReadOnlyList<Recorded> _ahead = [];

    public LogPosition Position { get; private set; }

    /// <summary>Folds the next run.</summary>
    /// <returns>Whether the build has reached the live position.</returns>
    public async Task<bool> StepAsync(CancellationToken cancellationToken)
    {
        var goal = live();
        if (Position >= goal)
            return true;
        if (_ahead.Count == 0)
        {
            if (await feed.NextAsync(Patience) is not { } run)
                return await store.HeadAsync(cancellationToken) <= Position; // The rest was truncated.
            _ahead = run;
        }

        var ready = _ahead.TakeWhile(fact => fact.Position <= goal).Take(_runSize.Max).ToList();
        if (ready.Count > 0)
            await ApplyAsync(ready);
        return Position >= goal || _ahead.FirstOrDefault()?.Position > goal;
    }

    private async Task ApplyAsync(IReadOnlyList<Recorded> run)
    {
        try
        {
            await apply(run, Position);
        }
        catch (RunFailedException failed) when (_runSize.Failed(failed.Events))
        {
            return; // The next step tries a smaller one.
        }

        _runSize.Committed();
        Position = run[^1].Position;
        _ahead = [.. _ahead.Skip(run.Count)];
    }
}
