using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using ChatCqrs.WebApi.OpenApi;

namespace ChatCqrs.WebApi.Tests.OpenApi;

/// <summary>
/// Compares every frame that the server sends to a test's socket with the AsyncAPI document: its <c>op</c>, its schema,
/// and the codes of close frames. A fault fails the read, and is kept for the end of the server.
/// </summary>
internal sealed class DescribedFrames : IDisposable
{
    private static readonly SchemaCheck Document = new(JsonNode.Parse(OpenApiConventions.AsyncApiDocument())!);

    private static readonly HashSet<int> CloseCodes =
    [
        .. Document.Document["channels"]!["socket"]!["x-close-codes"]!.AsArray()
            .Select(code => code!["code"]!.GetValue<int>()),
    ];

    /// <summary>The schemas of the server's frames by their op; <c>account</c> has several.</summary>
    private static readonly ILookup<string, string> ByOp = Document.Document["components"]!["schemas"]!.AsObject()
        .Where(schema => schema.Key.StartsWith("Server", StringComparison.Ordinal))
        .ToLookup(schema => schema.Value!["properties"]!["op"]!["const"]!.GetValue<string>(), schema => schema.Key);

    public DescribedFrames() => Invoker = new HttpMessageInvoker(new SocketsHttpHandler
    {
        ConnectCallback = async (context, cancellationToken) =>
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
            return new Tap(new NetworkStream(socket, ownsSocket: true), this);
        },
    });

    /// <summary>Opens connections whose frames are compared.</summary>
    public HttpMessageInvoker Invoker { get; }

    public ConcurrentQueue<string> Faults { get; } = new();

    public void Dispose() => Invoker.Dispose();

    /// <returns>What is wrong with a frame; null if nothing is.</returns>
    public static string? FaultOf(ReadOnlySpan<byte> payload)
    {
        var frame = JsonSerializer.Deserialize<JsonElement>(payload);
        var op = frame.GetProperty("op").GetString()!;
        if (!ByOp[op].Any())
            return $"asyncapi.json has no schema of a frame of the server with the op {op}.";
        var faults = new List<string>();
        foreach (var name in ByOp[op])
        {
            var found = Document.FaultsOf(frame, "components", "schemas", name);
            if (found.Count == 0)
                return null;
            faults.Add($"{name}: {string.Join("; ", found)}");
        }

        return $"A frame differs from asyncapi.json. {string.Join('\n', faults)}\n{frame}";
    }

    /// <summary>
    /// A connection's bytes: the answer to the handshake, then unmasked frames (RFC 6455, section 5.2).
    /// </summary>
    private sealed class Tap(Stream inner, DescribedFrames frames) : Stream
    {
        private const int TextFrame = 1, CloseFrame = 8;

        private readonly MemoryStream _held = new();
        private bool _isOpen;
        private bool _isOther;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(
            Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await inner.ReadAsync(buffer, cancellationToken);
            Note(buffer.Span[..read]);
            return read;
        }

        public override Task<int> ReadAsync(
            byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count)
        {
            var read = inner.Read(buffer, offset, count);
            Note(buffer.AsSpan(offset, read));
            return read;
        }

        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            inner.WriteAsync(buffer, cancellationToken);

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            inner.WriteAsync(buffer, offset, count, cancellationToken);

        public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        public override void Flush() => inner.Flush();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                inner.Dispose();
            base.Dispose(disposing);
        }

        private void Note(ReadOnlySpan<byte> bytes)
        {
            if (_isOther)
                return;
            _held.Write(bytes);
            var held = _held.GetBuffer().AsSpan(0, (int)_held.Length);
            var taken = 0;
            if (!_isOpen)
            {
                var end = held.IndexOf("\r\n\r\n"u8);
                if (end < 0)
                    return;
                _isOpen = held.StartsWith("HTTP/1.1 101"u8);
                _isOther = !_isOpen;
                taken = end + 4;
            }

            while (!_isOther && TryTake(held[taken..], out var opcode, out var payload, out var size))
            {
                Check(opcode, payload);
                taken += size;
            }

            var rest = held[taken..].ToArray();
            _held.SetLength(0);
            _held.Write(rest);
        }

        private void Check(int opcode, ReadOnlySpan<byte> payload)
        {
            var fault = opcode switch
            {
                TextFrame => FaultOf(payload),
                CloseFrame when payload.Length >= 2
                    && BinaryPrimitives.ReadUInt16BigEndian(payload) is var code && !CloseCodes.Contains(code) =>
                    $"x-close-codes in asyncapi.json lacks {code}.",
                _ => null,
            };
            if (fault is null)
                return;
            frames.Faults.Enqueue(fault);
            throw new InvalidOperationException(fault);
        }

        private static bool TryTake(
            ReadOnlySpan<byte> bytes, out int opcode, out ReadOnlySpan<byte> payload, out int size)
        {
            (opcode, size) = (0, 0);
            payload = default;
            if (bytes.Length < 2)
                return false;
            opcode = bytes[0] & 0x0F;
            var (header, length) = ((int)bytes[1] & 0x7F) switch
            {
                126 when bytes.Length >= 4 => (4, BinaryPrimitives.ReadUInt16BigEndian(bytes[2..])),
                127 when bytes.Length >= 10 => (10, (int)BinaryPrimitives.ReadUInt64BigEndian(bytes[2..])),
                126 or 127 => (0, 0),
                var small => (2, small),
            };
            size = header + length;
            if (header == 0 || bytes.Length < size)
                return false;
            payload = bytes[header..size];
            return true;
        }
    }
}
