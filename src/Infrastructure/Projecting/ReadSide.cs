using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// How far the views are: as the runner of this node says, or, while another node leads, as the checkpoint in the
/// database does. That is looked at only while somebody waits, and once for all who wait.
/// </summary>
public sealed class ReadSide : IReadSide
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(50);

    private readonly NpgsqlDataSource _database;
    private readonly Lock _lock = new();
    private ulong _position;
    private bool _leads;
    private bool _looks;
    private int _waiting;
    private TaskCompletionSource _changed = NewSignal();

    public ReadSide(NpgsqlDataSource database)
    {
        _database = database;
        Telemetry.Meter.CreateObservableGauge("chat.projection.position", () => (long)Position.Value, null, "The position up to which the views are known to be.");
        Telemetry.Meter.CreateObservableGauge("chat.projection.leads", () => _leads ? 1 : 0, null, "1 on the node that folds the views.");
    }

    /// <summary>Whether the runner of this node leads.</summary>
    internal bool Leads => Volatile.Read(ref _leads);

    public LogPosition Position => new(Volatile.Read(ref _position));

    public Task<bool> EndsEarlyAsync(ConversationId conversation, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var command = _database.CreateCommand(
                $"SELECT EXISTS (SELECT FROM {SetAside.Table} WHERE stream = $1)");
            command.Parameters.Add(new() { Value = StreamName.Of(conversation) });
            return await command.ExecuteScalarAsync(cancellationToken) is true;
        });

    public async Task<bool> WaitForAsync(LogPosition position, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (Position >= position)
            return true;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        Wait(+1);
        try
        {
            while (true)
            {
                var changed = Volatile.Read(ref _changed).Task;
                if (Position >= position)
                    return true;
                await changed.WaitAsync(limit.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Position >= position;
        }
        finally
        {
            Wait(-1);
        }
    }

    /// <summary>This node's runner leads, and raises the position itself.</summary>
    internal void Lead(LogPosition position)
    {
        lock (_lock)
            _leads = true;
        Raise(position);
    }

    /// <summary>Another node leads, or none.</summary>
    internal void Follow()
    {
        lock (_lock)
            _leads = false;
        Wait(0);
    }

    internal void Raise(LogPosition position)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            if (position <= Position)
                return;
            Volatile.Write(ref _position, position.Value);
            (changed, _changed) = (_changed, NewSignal());
        }

        changed.TrySetResult();
    }

    private void Wait(int change)
    {
        lock (_lock)
        {
            _waiting += change;
            if (_waiting == 0 || _leads || _looks)
                return;
            _looks = true;
        }

        _ = Task.Run(LookAsync);
    }

    private async Task LookAsync()
    {
        while (true)
        {
            try
            {
                Raise(await CheckpointAsync());
            }
            catch (Exception exception)
            {
                Fail(exception); // Those who wait are told.
            }

            await Task.Delay(LookEvery);
            lock (_lock)
            {
                if (_waiting > 0 && !_leads)
                    continue;
                _looks = false;
                return;
            }
        }
    }

    private void Fail(Exception exception)
    {
        TaskCompletionSource changed;
        lock (_lock)
            (changed, _changed) = (_changed, NewSignal());
        changed.TrySetException(exception);
        _ = changed.Task.Exception; // Nobody may be waiting any more.
    }

    private Task<LogPosition> CheckpointAsync() => PostgresErrors.GuardAsync(async () =>
    {
        await using var command = _database.CreateCommand(
            $"SELECT position FROM checkpoints WHERE name = '{Checkpoint.Live}'");
        return new LogPosition(await command.ExecuteScalarAsync() is decimal position ? (ulong)position : 0);
    });

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
