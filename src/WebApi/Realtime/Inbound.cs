namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Reads along with what a client sends, header by header (RFC 6455, section 5.2). The framework's WebSocket answers
/// control frames by itself and never shows them: here they are counted, and with them a message's fragments and the
/// time that an unfinished frame takes. Keeps no bytes. One reader; the times may be asked for from elsewhere.
/// </summary>
internal sealed class Inbound(TimeProvider clock)
{
    /// <summary>How long a client may take from a message's first byte to its last; also for a control frame.</summary>
    public static readonly TimeSpan UnfinishedMax = TimeSpan.FromSeconds(30);

    private const long Never = long.MaxValue;

    /// <summary>The size of a mask, in bytes.</summary>
    private const int MaskSize = 4;

    /// <summary>When the read that still waits began.</summary>
    private long _waitingSince = Never;

    /// <summary>When the server first waited for the rest of the unfinished message.</summary>
    private long _unfinishedSince = Never;

    /// <summary>How many bytes of a header are known, and its size.</summary>
    private int _headerAt, _headerSize;

    private int _first;
    private int _lengthSize;
    private long _length;

    /// <summary>The bytes of the frame's payload that have not come.</summary>
    private long _payloadLeft;

    /// <summary>Whether a message has begun of which a fragment is missing.</summary>
    private bool _isFragmented;

    /// <summary>How long the server has waited for any byte; zero while it does not read.</summary>
    public TimeSpan SilentFor => Since(Volatile.Read(ref _waitingSince));

    /// <summary>How long the server has waited for the rest of a message; zero while it does not read.</summary>
    public TimeSpan UnfinishedFor => Volatile.Read(ref _waitingSince) == Never
        ? TimeSpan.Zero
        : Since(Volatile.Read(ref _unfinishedSince));

    private bool IsUnfinished => _headerAt > 0 || _payloadLeft > 0 || _isFragmented;

    /// <summary>A read begins to wait.</summary>
    public void Wait()
    {
        var now = clock.GetTimestamp();
        if (IsUnfinished && _unfinishedSince == Never)
            Volatile.Write(ref _unfinishedSince, now);
        Volatile.Write(ref _waitingSince, now);
    }

    /// <summary>The server itself held the message up: the client's time starts anew.</summary>
    public void Excuse() => Volatile.Write(ref _unfinishedSince, Never);

    /// <summary>A read has ended.</summary>
    /// <param name="bytes">What came, encrypted by the client's mask or not.</param>
    /// <returns>How many control frames and fragments began among them.</returns>
    public int Note(ReadOnlySpan<byte> bytes)
    {
        Volatile.Write(ref _waitingSince, Never);
        var count = 0;
        while (!bytes.IsEmpty)
        {
            if (_payloadLeft > 0)
            {
                var skipped = (int)Math.Min(_payloadLeft, bytes.Length);
                bytes = bytes[skipped..];
                _payloadLeft -= skipped;
                if (_payloadLeft == 0)
                    EndFrame();
                continue;
            }

            ReadHeader(bytes[0]);
            bytes = bytes[1..];
            if (_headerAt < 2 || _headerAt < _headerSize)
                continue;
            _headerAt = 0;
            _payloadLeft = _length;
            if (IsControl || IsFragment)
                count++;
            if (_payloadLeft == 0)
                EndFrame();
        }

        return count;
    }

    private bool IsControl => (_first & 0x08) != 0;

    /// <summary>Whether the frame is a part of a message: not its last one, or a continuation.</summary>
    private bool IsFragment => (_first & 0x80) == 0 || (_first & 0x0F) == 0;

    private void ReadHeader(byte next)
    {
        switch (_headerAt++)
        {
            case 0:
                _first = next;
                break;
            case 1:
                var length = next & 0x7F;
                _lengthSize = length switch { 127 => 8, 126 => 2, _ => 0 };
                _length = _lengthSize == 0 ? length : 0;
                _headerSize = 2 + _lengthSize + ((next & 0x80) == 0 ? 0 : MaskSize);
                break;
            case var at when at < 2 + _lengthSize:
                _length = ((_length << 8) | next) & long.MaxValue; // The framework refuses a negative length.
                break;
        }
    }

    private void EndFrame()
    {
        if (!IsControl)
            _isFragmented = (_first & 0x80) == 0;
        if (!_isFragmented)
            Volatile.Write(ref _unfinishedSince, Never);
    }

    private TimeSpan Since(long timestamp) => timestamp == Never ? TimeSpan.Zero : clock.GetElapsedTime(timestamp);
}
