namespace ChatCqrs.WebApi.Realtime;

/// <summary>What one socket's receive loop keeps between frames: its commands under way, and whether the last one has its place.</summary>
internal sealed class FrameSession
{
    /// <summary>How many commands of one socket may be under way; beyond it the socket is not read until one is done.</summary>
    public const int InFlightMax = 512;

    /// <summary>How much those may say together, in characters; one alone may be larger.</summary>
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

    /// <summary>Kept with the events that this socket leads to.</summary>
    public string CorrelationId => _correlationId ??= Connection.Session.ToString("N");

    /// <summary>Whether the last command has its place in its conversation's order.</summary>
    public bool Admitted { get; set; }

    /// <summary>Says that it has.</summary>
    public Action Admit { get; }

    /// <param name="size">How much the command says, in characters.</param>
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
