namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// The state of one socket's receive loop: its commands in flight, and the last one's place in the order.
/// </summary>
/// <param name="node">What the sockets of this node may keep together.</param>
internal sealed class FrameSession(Connection connection, FrameShare node)
{
    /// <summary>
    /// The most commands of one socket in flight. At the bound the socket is not read until one is done.
    /// </summary>
    public const int InFlightMax = 512;

    /// <summary>The most bytes of the frames of one socket's commands in flight; a single one may have more.</summary>
    public const int InFlightBytesMax = 2 * 1024 * 1024;

    private readonly Lock _lock = new();
    private string? _correlationId;
    private int _inFlight;
    private int _bytes;
    private TaskCompletionSource? _room;
    private Action? _admit;

    public Connection Connection { get; } = connection;

    /// <summary>Recorded with the events of this socket's commands.</summary>
    public string CorrelationId => _correlationId ??= Connection.Session.ToString("N");

    /// <summary>Whether the last message has its place in its conversation's order.</summary>
    public bool Admitted { get; set; }

    /// <summary>Sets <see cref="Admitted"/>; allocated once.</summary>
    public Action Admit => _admit ??= () => Admitted = true;

    /// <summary>
    /// Waits until a further command may start: for room of this socket, then of its user, then of the node.
    /// <see cref="Leave"/> ends it.
    /// </summary>
    /// <param name="size">
    /// The size of the command's frame, in bytes. In memory a command has up to some four times as much.
    /// </param>
    public async ValueTask EnterAsync(int size)
    {
        while (!TryEnter(size, out var room))
            await room;
        await Connection.Share.Commands.EnterAsync(size);
        await node.Commands.EnterAsync(size);
    }

    /// <param name="size">As given to <see cref="EnterAsync"/>.</param>
    public void Leave(int size)
    {
        node.Commands.Leave(size);
        Connection.Share.Commands.Leave(size);
        lock (_lock)
        {
            _inFlight--;
            _bytes -= size;
            _room?.SetResult();
            _room = null;
        }
    }

    /// <summary>Waits until a large frame may be received. <see cref="EndBuffer"/> ends it.</summary>
    /// <param name="size">The size of the largest buffer, in bytes.</param>
    public async ValueTask BeginBufferAsync(int size)
    {
        await Connection.Share.Buffers.EnterAsync(size);
        await node.Buffers.EnterAsync(size);
    }

    /// <param name="size">As given to <see cref="BeginBufferAsync"/>.</param>
    public void EndBuffer(int size)
    {
        node.Buffers.Leave(size);
        Connection.Share.Buffers.Leave(size);
    }

    private bool TryEnter(int size, out Task room)
    {
        lock (_lock)
        {
            if (_inFlight < InFlightMax && (_bytes == 0 || _bytes + size <= InFlightBytesMax))
            {
                _inFlight++;
                _bytes += size;
                room = Task.CompletedTask;
                return true;
            }

            room = (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            return false;
        }
    }
}
