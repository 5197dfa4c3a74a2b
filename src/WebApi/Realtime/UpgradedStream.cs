using Microsoft.AspNetCore.Http.Features;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Slides an <see cref="Outbound"/> queue beneath the framework's WebSocket: what the framework sends (pongs, close frames) goes through the
/// same queue as our shared frames, so that one writer writes all.
/// </summary>
internal sealed class UpgradedStream(Stream inner, Outbound outbound) : Stream
{
    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        inner.ReadAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        outbound.TryWrite(buffer.ToArray()) ? ValueTask.CompletedTask : throw new IOException("The connection is gone.");

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

/// <summary>The HTTP/1.1 upgrade and the HTTP/2 extended CONNECT (RFC 8441), with the queue slid beneath what they give.</summary>
internal sealed class UpgradeFeature(IHttpUpgradeFeature? upgrade, IHttpExtendedConnectFeature? connect)
    : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    /// <summary>Puts itself in the place of a request's features.</summary>
    public static void Slide(IFeatureCollection features)
    {
        var feature = new UpgradeFeature(features.Get<IHttpUpgradeFeature>(), features.Get<IHttpExtendedConnectFeature>());
        features.Set(feature);
        features.Set<IHttpUpgradeFeature>(feature);
        features.Set<IHttpExtendedConnectFeature>(feature);
    }

    /// <summary>How long a peer may take to go after it was told that it broke the protocol.</summary>
    private static readonly TimeSpan LingerMax = TimeSpan.FromSeconds(5);

    private Stream? _wire;

    /// <summary>The queue of the connection; null before the upgrade.</summary>
    public Outbound? Outbound { get; private set; }

    public bool IsUpgradableRequest => upgrade?.IsUpgradableRequest ?? false;
    public bool IsExtendedConnect => connect?.IsExtendedConnect ?? false;
    public string? Protocol => connect?.Protocol;

    public async Task<Stream> UpgradeAsync() => Wrap(await upgrade!.UpgradeAsync());

    public async ValueTask<Stream> AcceptAsync() => Wrap(await connect!.AcceptAsync());

    /// <summary>
    /// Reads past whatever the peer still sends until it goes. A connection that the server ends first after an error is reset, and with it the close frame may be
    /// lost that says why.
    /// </summary>
    public async Task LingerAsync()
    {
        using var patience = new CancellationTokenSource(LingerMax);
        var thrownAway = new byte[1024];
        try
        {
            while (await _wire!.ReadAsync(thrownAway, patience.Token) > 0)
            {
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // It is gone, or has had its time.
        }
    }

    private UpgradedStream Wrap(Stream stream)
    {
        _wire = stream;
        Outbound = new Outbound(stream);
        return new UpgradedStream(stream, Outbound);
    }
}
