using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.EventStoreDb.Protocol;
using Grpc.Core;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>
/// The pending appends of one <see cref="IEventStore.AppendAsync"/> call; complete when all have outcomes.
/// </summary>
internal sealed class AppendCall(IReadOnlyList<StreamAppend> appends, NodeAddress node)
{
    private readonly AppendOutcome[] _outcomes = new AppendOutcome[appends.Count];
    private readonly TaskCompletionSource<IReadOnlyList<AppendOutcome>> _done =
        new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _pending = appends.Count;

    public IReadOnlyList<StreamAppend> Appends => appends;

    public Task<IReadOnlyList<AppendOutcome>> Done => _done.Task;

    public void Answer(int index, BatchAppendResp response)
    {
        _outcomes[index] = Outcome(response)
            ?? new AppendOutcome.Failed(Failure(response.Error, appends[index].Stream));
        if (Interlocked.Decrement(ref _pending) == 0)
            _done.TrySetResult(_outcomes);
    }

    public void Fail(Exception exception) => _done.TrySetException(exception);

    private static AppendOutcome? Outcome(BatchAppendResp response)
    {
        if (response.Success is { } success)
        {
            return new AppendOutcome.Appended(
                (long)success.CurrentRevision, new LogPosition(success.Position.CommitPosition));
        }

        return response.Error is { Code: (int)StatusCode.AlreadyExists } error
            && error.Details?.TryUnpack(out WrongExpectedVersion wrong) == true
                ? new AppendOutcome.Conflict(CurrentRevision(wrong))
                : null;
    }

    private static long CurrentRevision(WrongExpectedVersion wrong) => wrong.CurrentStreamRevisionOptionCase switch
    {
        WrongExpectedVersion.CurrentStreamRevisionOptionOneofCase.CurrentStreamRevision =>
            (long)wrong.CurrentStreamRevision,
        _ => StreamAppend.NoStream,
    };

    /// <summary>
    /// Errors of the caller are permanent. All others may pass: the server was busy, not ready, or too slow.
    /// </summary>
    private Exception Failure(Protocol.Status? error, string stream)
    {
        var code = (StatusCode)(error?.Code ?? 0);
        var text = $"EventStoreDB at {node} did not append to {stream}: {code}, {error?.Message}";
        return code is StatusCode.InvalidArgument or StatusCode.PermissionDenied
            or StatusCode.FailedPrecondition or StatusCode.NotFound
                ? new InvalidOperationException(text)
                : new StoreUnavailableException(text);
    }
}
