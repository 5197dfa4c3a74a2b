using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.EventStoreDb.Protocol;
using Grpc.Core;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>The appends of one call of <see cref="IEventStore.AppendAsync"/>, on their way; complete when each has its answer.</summary>
internal sealed class AppendCall(IReadOnlyList<StreamAppend> appends, NodeAddress node)
{
    private readonly AppendOutcome[] _outcomes = new AppendOutcome[appends.Count];
    private readonly TaskCompletionSource<IReadOnlyList<AppendOutcome>> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _missing = appends.Count;

    public IReadOnlyList<StreamAppend> Appends => appends;

    public Task<IReadOnlyList<AppendOutcome>> Done => _done.Task;

    public void Answer(int index, BatchAppendResp response)
    {
        _outcomes[index] = Outcome(response) ?? new AppendOutcome.Failed(Failure(response.Error, appends[index].Stream));
        if (Interlocked.Decrement(ref _missing) == 0)
            _done.TrySetResult(_outcomes);
    }

    public void Fail(Exception exception) => _done.TrySetException(exception);

    private static AppendOutcome? Outcome(BatchAppendResp response)
    {
        if (response.Success is { } success)
            return new AppendOutcome.Appended((long)success.CurrentRevision, new LogPosition(success.Position.CommitPosition));
        return response.Error is { Code: (int)StatusCode.AlreadyExists } error && error.Details?.TryUnpack(out WrongExpectedVersion wrong) == true
            ? new AppendOutcome.Conflict(
                wrong.CurrentStreamRevisionOptionCase == WrongExpectedVersion.CurrentStreamRevisionOptionOneofCase.CurrentStreamRevision
                    ? (long)wrong.CurrentStreamRevision
                    : StreamAppend.NoStream)
            : null;
    }

    /// <summary>Everything but what is certainly a mistake of ours may pass: the server was busy, not ready, or too slow.</summary>
    private Exception Failure(Protocol.Status? error, string stream)
    {
        var text = $"EventStoreDB at {node} did not append to {stream}: {(StatusCode)(error?.Code ?? 0)}, {error?.Message}";
        return (StatusCode)(error?.Code ?? 0) is StatusCode.InvalidArgument or StatusCode.PermissionDenied or StatusCode.FailedPrecondition or StatusCode.NotFound
            ? new InvalidOperationException(text)
            : new StoreUnavailableException(text);
    }
}
