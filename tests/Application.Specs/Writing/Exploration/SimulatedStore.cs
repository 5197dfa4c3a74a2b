using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Specs.Writing.Exploration;

/// <summary>
/// A node's way to the log. Each call waits for its turn, and then succeeds, fails before it has an effect, or fails
/// after it.
/// </summary>
internal sealed class SimulatedStore(IEventStore log, Simulation simulation) : IEventStore
{
    public async Task<IReadOnlyList<AppendOutcome>> AppendAsync(
        IReadOnlyList<StreamAppend> appends, CancellationToken cancellationToken)
    {
        await simulation.TurnAsync();
        if (simulation.Fails())
            throw new StoreUnavailableException("The append did not reach the log.");
        var sent = appends.Where(_ => !simulation.Fails()).ToList();
        var outcomes = new Queue<AppendOutcome>(sent.Count > 0 ? await log.AppendAsync(sent, cancellationToken) : []);
        await simulation.TurnAsync();
        if (simulation.Fails())
            throw new StoreUnavailableException("The append's answer was lost.");
        return [.. appends.Select(append => Outcome(sent.Contains(append) ? outcomes.Dequeue() : null))];
    }

    public async Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(
        string stream, long from, ReadDirection direction, int limit, CancellationToken cancellationToken)
    {
        await simulation.TurnAsync();
        ThrowIfFailing();
        var page = await log.ReadStreamAsync(stream, from, direction, limit, cancellationToken);
        await simulation.TurnAsync();
        return page;
    }

    public Task<IReadOnlyList<StoredEvent>> ReadPageAsync(
        string stream, long from, int limit, CancellationToken cancellationToken) =>
        log.ReadPageAsync(stream, from, limit, cancellationToken);

    public async Task<LogPosition> HeadAsync(CancellationToken cancellationToken)
    {
        await simulation.TurnAsync();
        ThrowIfFailing();
        return await log.HeadAsync(cancellationToken);
    }

    public IAsyncEnumerable<IReadOnlyList<StoredEvent>> SubscribeAllAsync(
        LogPosition after, CancellationToken cancellationToken) =>
        throw new NotSupportedException("The writer does not subscribe.");

    public Task<LogChanges> ChangesAsync(LogPosition after, int limit, CancellationToken cancellationToken) =>
        throw new NotSupportedException("The writer does not follow the log.");

    public Task<LogEnds> EndsAsync(
        LogPosition after, LogPosition through, int limit, CancellationToken cancellationToken) =>
        log.EndsAsync(after, through, limit, cancellationToken);

    public Task<IReadOnlyList<EventEnd?>> EndsOfAsync(
        IReadOnlyList<EventPlace> events, CancellationToken cancellationToken) =>
        log.EndsOfAsync(events, cancellationToken);

    public Task TruncateAsync(string stream, long before, CancellationToken cancellationToken) =>
        throw new NotSupportedException("The writer does not truncate.");

    private AppendOutcome Outcome(AppendOutcome? outcome) => outcome is null || simulation.Fails()
        ? new AppendOutcome.Failed(new StoreUnavailableException("The stream was not written in time."))
        : outcome;

    private void ThrowIfFailing()
    {
        if (simulation.Fails())
            throw new StoreUnavailableException("The store did not answer.");
    }
}
