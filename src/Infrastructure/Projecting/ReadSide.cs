using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Marten;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>How far the views are, as the runner of this node says, or as the checkpoint in the database does while another node leads.</summary>
public sealed class ReadSide(NpgsqlDataSource database) : IReadSide
{
    /// <summary>How often the checkpoint is looked at while somebody waits and another node leads.</summary>
    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(50);

    private ulong _position;
    private volatile bool _leads;
    private TaskCompletionSource _raised = NewSignal();

    public LogPosition Position => new(Volatile.Read(ref _position));

    public async Task<bool> WaitForAsync(LogPosition position, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (Position >= position)
            return true;
        var deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        while (true)
        {
            var raised = Volatile.Read(ref _raised).Task;
            if (!_leads)
                Raise(await CheckpointAsync(cancellationToken));
            if (Position >= position)
                return true;
            var left = deadline - Environment.TickCount64;
            if (left <= 0)
                return false;
            var wait = _leads ? left : Math.Min(left, (long)PollEvery.TotalMilliseconds);
            await Task.WhenAny(raised, Task.Delay((int)Math.Max(1, Math.Min(wait, PollEvery.TotalMilliseconds * 10)), cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Whether this node's runner leads, and so raises the position itself.</summary>
    internal void Lead(bool leads) => _leads = leads;

    internal void Raise(LogPosition position)
    {
        if (position <= Position)
            return;
        Volatile.Write(ref _position, position.Value);
        Interlocked.Exchange(ref _raised, NewSignal()).TrySetResult();
    }

    private Task<LogPosition> CheckpointAsync(CancellationToken cancellationToken) => PostgresErrors.GuardAsync(async () =>
    {
        await using var command = database.CreateCommand(
            $"SELECT position FROM {MartenRegistration.Schema}.checkpoints WHERE name = '{Checkpoint.Live}'");
        return new LogPosition(await command.ExecuteScalarAsync(cancellationToken) is decimal position ? (ulong)position : 0);
    });

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
