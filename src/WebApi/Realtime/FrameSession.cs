namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// The state of one socket's receive loop: its commands in flight, and the last one's place in the order.
/// </summary>
internal sealed class FrameSession
{
    /// <summary>
    /// The most commands of one socket in flight. At the bound the socket is not read until one is done.
    /// </summary>
    public const int InFlightMax = 512;

    /// <summary>The most characters of content in flight; a single command may have more.</summary>
    private const int InFlightSizeMax = 2 * 1024 * 1024;

    private readonly Lock _lock = new();
    private string? _correlationId;
    private int _inFlight;
    private int _size;
    private TaskCompletionSource? _room;

    public FrameSession(Connection connection)
    {
        Connection = connection;
        Admit = () => Admitted = true;
    }

    public Connection Connection { get; }

    /// <summary>Recorded with the events of this socket's commands.</summary>
    public string CorrelationId => _correlationId ??= Connection.Session.ToString("N");

    /// <summary>Whether the last message has its place in its conversation's order.</summary>
    public bool Admitted { get; set; }

    /// <summary>Sets <see cref="Admitted"/>; allocated once.</summary>
    public Action Admit { get; }

    /// <summary>Waits until a further command may start. <see cref="Leave"/> ends it.</summary>
    /// <param name="size">The command's content, in characters.</param>
    public async ValueTask EnterAsync(int size = 0)
    {
        while (true)
        {
            Task room;
            lock (_lock)
            {
                if (_inFlight < InFlightMax && (size == 0 || _size == 0 || _size + size <= InFlightSizeMax))
                {
                    _inFlight++;
                    _size += size;
                    return;
                }

                room = (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await room;
        }
    }

    /// <param name="size">As given to <see cref="EnterAsync"/>.</param>
    public void Leave(int size = 0)
    {
        lock (_lock)
        {
            _inFlight--;
            _size -= size;
            _room?.SetResult();
            _room = null;
        }
    }
}
