using Microsoft.AspNetCore.Http.Features;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Puts an <see cref="Outbound"/> queue beneath the framework's WebSocket: the framework's pongs and close frames pass
/// through the same queue as the shared frames, so that the stream has one writer.
/// </summary>
internal sealed class UpgradedStream(Stream inner, Outbound outbound) : Stream
{
    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        inner.ReadAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        outbound.TryWrite(buffer.ToArray())
            ? ValueTask.CompletedTask
            : throw new IOException("The connection is gone.");

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
}

/// <summary>
/// The HTTP/1.1 upgrade and the HTTP/2 extended CONNECT (RFC 8441), with an <see cref="UpgradedStream"/> as the result.
/// </summary>
internal sealed class UpgradeFeature(IHttpUpgradeFeature? upgrade, IHttpExtendedConnectFeature? connect)
    : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    /// <summary>How long a peer may take to close after the server has reported a protocol error.</summary>
    private static readonly TimeSpan LingerMax = TimeSpan.FromSeconds(5);

    private Stream? _wire;

    /// <summary>Replaces the upgrade features of a request.</summary>
    public static void Install(IFeatureCollection features)
    {
        var feature = new UpgradeFeature(
            features.Get<IHttpUpgradeFeature>(), features.Get<IHttpExtendedConnectFeature>());
        features.Set(feature);
        features.Set<IHttpUpgradeFeature>(feature);
        features.Set<IHttpExtendedConnectFeature>(feature);
    }

    /// <summary>The queue of the connection; null before the upgrade.</summary>
    public Outbound? Outbound { get; private set; }

    public bool IsUpgradableRequest => upgrade?.IsUpgradableRequest ?? false;
    public bool IsExtendedConnect => connect?.IsExtendedConnect ?? false;
    public string? Protocol => connect?.Protocol;

    public async Task<Stream> UpgradeAsync() => Wrap(await upgrade!.UpgradeAsync());

    public async ValueTask<Stream> AcceptAsync() => Wrap(await connect!.AcceptAsync());

    /// <summary>
    /// Reads and discards until the peer closes. A connection that the server ends with unread data is reset, and the
    /// peer may lose the close frame that states the error.
    /// </summary>
    public async Task LingerAsync()
    {
        using var patience = new CancellationTokenSource(LingerMax);
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

    private UpgradedStream Wrap(Stream stream)
    {
        _wire = stream;
        Outbound = new Outbound(stream);
        return new UpgradedStream(stream, Outbound);
    }
}
