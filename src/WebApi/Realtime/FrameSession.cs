namespace ChatCqrs.WebApi.Realtime;

/// <summary>What one socket's receive loop keeps between frames: its commands under way, and whether the last one has its place.</summary>
internal sealed class FrameSession
{
    /// <summary>How many commands of one socket may be under way; beyond it the socket is not read until one is done.</summary>
    public const int InFlightMax = 512;

    private readonly Lock _lock = new();
    private string? _correlationId;
    private int _inFlight;
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

    public async ValueTask EnterAsync()
    {
        while (true)
        {
            Task room;
            lock (_lock)
            {
                if (_inFlight < InFlightMax)
                {
                    _inFlight++;
                    return;
                }

                room = (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await room;
        }
    }

    public void Leave()
    {
        lock (_lock)
        {
            _inFlight--;
            _room?.SetResult();
            _room = null;
        }
    }
}
