namespace ChatCqrs.Verify.Export;

/// <summary>Reads a stream line by line, holding one line at a time.</summary>
internal sealed class LineReader(Stream stream, int lineMax) : IDisposable
{
    private byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;

    /// <summary>The number of the line that was read last, from 1.</summary>
    public long Number { get; private set; }

    /// <returns>The line without its line feed, valid until the next call; null at the end.</returns>
    /// <exception cref="FormatException">The line is too long, or the last one has no line feed.</exception>
    public ReadOnlyMemory<byte>? Next()
    {
        Number++;
        var searched = _start;
        while (true)
        {
            var at = _buffer.AsSpan(searched, _end - searched).IndexOf((byte)'\n');
            if (at >= 0)
            {
                var line = _buffer.AsMemory(_start, searched + at - _start);
                _start = searched + at + 1;
                return line;
            }

            searched = _end;
            if (_end == _buffer.Length)
                searched -= MakeRoom();
            var read = stream.Read(_buffer, _end, _buffer.Length - _end);
            if (read == 0)
                return _start == _end ? null : throw new FormatException("the last line does not end with a line feed");
            _end += read;
        }
    }

    public void Dispose() => stream.Dispose();

    /// <returns>By how much the bytes moved to the front.</returns>
    private int MakeRoom()
    {
        var (moved, length) = (_start, _end - _start);
        if (length >= lineMax)
            throw new FormatException($"the line has more than {lineMax} bytes");
        var buffer = length > _buffer.Length / 2 ? new byte[_buffer.Length * 2] : _buffer;
        _buffer.AsSpan(_start, length).CopyTo(buffer);
        (_buffer, _start, _end) = (buffer, 0, length);
        return moved;
    }
}
