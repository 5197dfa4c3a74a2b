using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http.Features;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Puts an <see cref="Outbound"/> queue beneath the framework's WebSocket: the framework's pongs and close frames pass
/// through the same queue as the shared frames, so that the stream has one writer. What is read passes
/// <see cref="Inbound"/> (docs/adr/0032).
/// </summary>
internal sealed class UpgradedStream(Stream inner, Outbound outbound, Inbound inbound) : Stream
{
    /// <summary>The opcodes of the frames that the framework itself writes.</summary>
    private const int OpcodeMask = 0x0F, CloseOpcode = 0x08, PongOpcode = 0x0A;

    /// <summary>
    /// Gets the number of control frames and fragments that a read has brought. When it returns false, they are too
    /// many and nothing more is read. It has closed the connection then.
    /// </summary>
    public Func<int, bool>? Allow { get; set; }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        inbound.Wait();
        // An idle socket waits in a read of zero bytes: it must cost no more than the one beneath.
        return buffer.IsEmpty ? inner.ReadAsync(buffer, cancellationToken) : ReadNotedAsync(buffer, cancellationToken);
    }

    /// <summary>Queues a frame: the framework writes each one whole, and only control frames.</summary>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        switch (buffer.Span[0] & OpcodeMask)
        {
            case PongOpcode:
                outbound.Pong(buffer.Span);
                return ValueTask.CompletedTask;
            case CloseOpcode when outbound.TryEnd(buffer.ToArray()):
            case not CloseOpcode when outbound.TryWrite(buffer.ToArray()):
                return ValueTask.CompletedTask;
            default:
                throw new IOException("The connection is gone.");
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadNotedAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken);
        var count = inbound.Note(buffer.Span[..read]);
        return count == 0 || Allow is not { } allow || allow(count)
            ? read
            : throw new IOException("The client sends too many control frames or fragments.");
    }
}

/// <summary>
/// The HTTP/1.1 upgrade and the HTTP/2 extended CONNECT (RFC 8441), with an <see cref="UpgradedStream"/> as the result.
/// </summary>
/// <param name="clock">Measures how long reads and writes take.</param>
internal sealed class UpgradeFeature(
    IHttpUpgradeFeature? upgrade, IHttpExtendedConnectFeature? connect, TimeProvider clock)
    : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    /// <summary>How long a peer may take to close after the server has reported a protocol error.</summary>
    public static readonly TimeSpan LingerMax = TimeSpan.FromSeconds(5);

    private Stream? _wire;
    private UpgradedStream? _upgraded;

    /// <summary>Replaces the upgrade features of a request.</summary>
    public static void Install(IFeatureCollection features, TimeProvider clock)
    {
        var feature = new UpgradeFeature(
            features.Get<IHttpUpgradeFeature>(), features.Get<IHttpExtendedConnectFeature>(), clock);
        features.Set(feature);
        features.Set<IHttpUpgradeFeature>(feature);
        features.Set<IHttpExtendedConnectFeature>(feature);
    }

    /// <summary>The queue of the connection; null before the upgrade.</summary>
    public Outbound? Outbound { get; private set; }

    /// <summary>What the client sends; null before the upgrade.</summary>
    public Inbound? Inbound { get; private set; }

    public bool IsUpgradableRequest => upgrade?.IsUpgradableRequest ?? false;
    public bool IsExtendedConnect => connect?.IsExtendedConnect ?? false;
    public string? Protocol => connect?.Protocol;

    public async Task<Stream> UpgradeAsync() => Wrap(await upgrade!.UpgradeAsync());

    public async ValueTask<Stream> AcceptAsync() => Wrap(await connect!.AcceptAsync());

    /// <summary>
    /// Reads and discards until the peer closes. A connection that the server ends with unread data is reset, and the
    /// peer may lose the close frame that states the error.
    /// </summary>
    /// <param name="most">How long.</param>
    public async Task LingerAsync(TimeSpan most)
    {
        using var patience = new CancellationTokenSource(most);
        var discarded = new byte[1024];
        try
        {
            while (await _wire!.ReadAsync(discarded, patience.Token) > 0)
            {
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The peer is gone, or its time is up.
        }
    }

    /// <summary>Limits control frames and fragments.</summary>
    /// <inheritdoc cref="UpgradedStream.Allow"/>
    public void Limit(Func<int, bool> allow) => _upgraded!.Allow = allow;

    private UpgradedStream Wrap(Stream stream)
    {
        _wire = stream;
        Outbound = new Outbound(stream, clock);
        Inbound = new Inbound(clock);
        return _upgraded = new UpgradedStream(stream, Outbound, Inbound);
    }
}
