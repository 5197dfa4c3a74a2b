using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace ChatCqrs.Bench.Load;

/// <summary>Receives the frames of sockets, and their ends.</summary>
internal interface IFrameSink
{
    void OnFrame(SocketClient client, ReadOnlySpan<byte> payload);

    void OnClosed(SocketClient client, string why);
}

/// <summary>
/// A minimal WebSocket client (RFC 6455) for a load generator. It masks with the key zero, which is valid and costs the
/// server the same work as any other key. It takes only unfragmented text of at most 64 KiB.
/// </summary>
internal sealed class SocketClient : IDisposable
{
    private const int OutputBytes = 512, LargestFrame = 64 * 1024;
    private const byte Final = 0x80, Masked = 0x80, Text = 1, CloseFrame = 8, Ping = 9, Pong = 10;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
    {
        NoDelay = true,
    };
    private readonly IFrameSink _sink;
    private EventLoop? _loop;
    private byte[] _rest = [];
    private byte[] _output = [];
    private int _restCount, _outputCount;
    private bool _dirty, _blocked, _upgraded, _closed;

    /// <summary>
    /// Connects, requests the upgrade, and joins the loop. <see cref="IsOpen"/> is true after the upgrade.
    /// </summary>
    public SocketClient(EventLoop loop, IPEndPoint server, string token, IFrameSink sink)
    {
        _sink = sink;
        _socket.Connect(server);
        _socket.Blocking = false;
        Fd = (int)_socket.Handle;
        loop.Add(this);
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        Append(Encoding.ASCII.GetBytes(
            $"GET /v1/ws HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
            $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nAuthorization: Bearer {token}\r\n\r\n"));
    }

    public int Fd { get; }

    public int Token { get; private set; }

    public bool IsOpen => _upgraded && !_closed;

    public void Send(ReadOnlySpan<byte> payload) => Send(Text, payload);

    public void Dispose()
    {
        if (!_closed)
        {
            _closed = true;
            _loop?.Forget(this);
            _socket.Dispose();
        }
    }

    internal void Join(EventLoop loop, int token) => (_loop, Token) = (loop, token);

    internal void Flush()
    {
        _dirty = false;
        if (_closed || _outputCount == 0)
        {
            return;
        }

        var sent = _socket.Send(_output.AsSpan(0, _outputCount), SocketFlags.None, out var error);
        if (error is not (SocketError.Success or SocketError.WouldBlock))
        {
            End($"sending failed: {error}");
            return;
        }

        sent = error == SocketError.Success ? sent : 0;
        _output.AsSpan(sent, _outputCount - sent).CopyTo(_output);
        _outputCount -= sent;
        if (_blocked != _outputCount > 0)
        {
            _blocked = !_blocked;
            _loop!.WatchOutput(this, _blocked);
        }
    }

    /// <summary>Reads once into the loop's buffer. Epoll reports unread input again.</summary>
    internal void Receive(byte[] buffer)
    {
        if (_closed)
        {
            return;
        }

        _rest.AsSpan(0, _restCount).CopyTo(buffer);
        var received = _socket.Receive(buffer.AsSpan(_restCount), SocketFlags.None, out var error);
        if (error == SocketError.WouldBlock)
        {
            return;
        }

        if (error != SocketError.Success || received == 0)
        {
            End(error == SocketError.Success ? "the server closed the connection" : $"receiving failed: {error}");
            return;
        }

        var input = buffer.AsSpan(0, _restCount + received);
        var used = _upgraded ? 0 : Upgrade(input);
        if (_upgraded)
        {
            used += Frames(input[used..]);
        }

        if (!_closed)
        {
            Keep(input[used..]);
        }
    }

    private void Keep(ReadOnlySpan<byte> rest)
    {
        if (rest.Length > _rest.Length)
        {
            _rest = new byte[rest.Length + 256];
        }

        rest.CopyTo(_rest);
        _restCount = rest.Length;
        if (_restCount == 0)
        {
            _rest = [];
        }
    }

    private int Upgrade(ReadOnlySpan<byte> input)
    {
        var end = input.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return 0;
        }

        _upgraded = input.StartsWith("HTTP/1.1 101 "u8);
        if (!_upgraded)
        {
            End("the upgrade was refused: " + Encoding.ASCII.GetString(input[..input.IndexOf((byte)'\r')]));
        }

        return end + 4;
    }

    private int Frames(ReadOnlySpan<byte> input)
    {
        var used = 0;
        while (!_closed && TryReadFrame(input[used..], out var kind, out var payload, out var length))
        {
            used += length;
            switch (kind)
            {
                case Final | Text:
                    _sink.OnFrame(this, payload);
                    break;
                case Final | Ping:
                    Send(Pong, payload);
                    break;
                case Final | Pong:
                    break;
                case Final | CloseFrame:
                    var code = payload.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(payload) : 1005;
                    End($"the server closed the socket with {code}");
                    break;
                default:
                    End($"an unexpected kind of frame: 0x{kind:x2}");
                    break;
            }
        }

        return used;
    }

    private bool TryReadFrame(ReadOnlySpan<byte> input, out byte kind, out ReadOnlySpan<byte> payload, out int length)
    {
        kind = 0;
        payload = default;
        length = 0;
        if (input.Length < 2)
        {
            return false;
        }

        kind = input[0];
        long size = input[1];
        var header = size switch
        {
            < 126 => 2,
            126 => 4,
            127 => 10,
            _ => throw new InvalidDataException("A server must not mask."),
        };
        if (input.Length < header)
        {
            return false;
        }

        size = header switch
        {
            4 => BinaryPrimitives.ReadUInt16BigEndian(input[2..]),
            10 => BinaryPrimitives.ReadInt64BigEndian(input[2..]),
            _ => size,
        };
        if (size is < 0 or > LargestFrame)
        {
            End($"a frame of {size} bytes");
            return false;
        }

        length = header + (int)size;
        if (input.Length < length)
        {
            return false;
        }

        payload = input.Slice(header, (int)size);
        return true;
    }

    private void Send(byte opcode, ReadOnlySpan<byte> payload)
    {
        Span<byte> header = stackalloc byte[8];
        header[0] = (byte)(Final | opcode);
        if (payload.Length < 126)
        {
            header[1] = (byte)(Masked | payload.Length);
            header[2..6].Clear();
            Append(header[..6]);
        }
        else
        {
            header[1] = Masked | 126;
            BinaryPrimitives.WriteUInt16BigEndian(header[2..], checked((ushort)payload.Length));
            header[4..].Clear();
            Append(header);
        }

        Append(payload);
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        if (_closed)
        {
            return;
        }

        if (_outputCount + bytes.Length > _output.Length)
        {
            Array.Resize(ref _output, Math.Max(OutputBytes, 2 * (_outputCount + bytes.Length)));
        }

        bytes.CopyTo(_output.AsSpan(_outputCount));
        _outputCount += bytes.Length;
        if (!_dirty)
        {
            _dirty = true;
            _loop!.Dirty(this);
        }
    }

    private void End(string why)
    {
        if (!_closed)
        {
            Dispose();
            _sink.OnClosed(this, why);
        }
    }
}
