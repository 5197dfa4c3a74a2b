namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// What may be kept of the frames that clients send: the sockets of one user together, or of the whole node. A socket
/// beyond it is not read until others are done.
/// </summary>
/// <param name="commandsMax">The most bytes of frames whose commands are in flight.</param>
/// <param name="buffersMax">The most bytes of buffers in which large frames arrive.</param>
internal sealed class FrameShare(long commandsMax = FrameShare.CommandsMax, long buffersMax = FrameShare.BuffersMax)
{
    /// <summary>The most bytes of one user's frames whose commands are in flight.</summary>
    public const long CommandsMax = 16 * 1024 * 1024;

    /// <summary>The most bytes of buffers in which one user's large frames arrive.</summary>
    public const long BuffersMax = 16 * 1024 * 1024;

    /// <summary>The most bytes of all frames whose commands are in flight.</summary>
    public const long AllCommandsMax = 128 * 1024 * 1024;

    /// <summary>The most bytes of all buffers in which large frames arrive.</summary>
    public const long AllBuffersMax = 128 * 1024 * 1024;

    private ByteGate? _commands, _buffers;

    /// <summary>The share of the whole node.</summary>
    public static FrameShare OfNode() => new(AllCommandsMax, AllBuffersMax);

    public ByteGate Commands => LazyInitializer.EnsureInitialized(ref _commands, () => new(commandsMax));

    public ByteGate Buffers => LazyInitializer.EnsureInitialized(ref _buffers, () => new(buffersMax));
}
