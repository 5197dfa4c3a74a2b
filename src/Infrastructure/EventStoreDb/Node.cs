using System.Diagnostics;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.EventStoreDb.Protocol;
using Grpc.Core;
using Grpc.Net.Client;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>
/// The connection to one node. It reconnects with exponential backoff and jitter, and lives as long as the adapter.
/// </summary>
internal sealed class Node : IDisposable
{
    /// <summary>The largest response message in bytes: the server's largest record, and room for framing.</summary>
    private const int ReceiveMax = 17 * 1024 * 1024;

    /// <summary>The HTTP/2 window in bytes; a catching-up subscription fills it.</summary>
    private const int WindowSize = 1024 * 1024;

    /// <summary>How long a failed call counts against a node.</summary>
    private static readonly TimeSpan LeftFor = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ReconnectFirst = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ReconnectMax = TimeSpan.FromSeconds(1);

    private readonly GrpcChannel _channel;
    private readonly Metadata _headers;
    private readonly TimeSpan _deadline;
    private volatile string? _version;
    private long _leftAt;

    public Node(NodeAddress address, EventStoreDbSettings settings)
    {
        Address = address;
        _deadline = settings.DefaultDeadline;
        _headers = Headers(settings);
        _channel = GrpcChannel.ForAddress($"{(settings.Tls ? "https" : "http")}://{address}", new GrpcChannelOptions
        {
            HttpHandler = Handler(settings),
            DisposeHttpClient = true,
            MaxReceiveMessageSize = ReceiveMax,
            MaxSendMessageSize = null,
            InitialReconnectBackoff = ReconnectFirst,
            MaxReconnectBackoff = ReconnectMax,
        });
        Streams = new Streams.StreamsClient(_channel);
        Gossip = new Gossip.GossipClient(_channel);
    }

    public NodeAddress Address { get; }

    /// <summary>Whether a call has recently failed, so that the node is gone, silent or not ready.</summary>
    public bool WasLeft =>
        Volatile.Read(ref _leftAt) is not 0 and var leftAt && Stopwatch.GetElapsedTime(leftAt) < LeftFor;

    public Streams.StreamsClient Streams { get; }
    public Gossip.GossipClient Gossip { get; }

    /// <summary>Options for a call with the default deadline.</summary>
    public CallOptions WithDeadline(CancellationToken cancellationToken) =>
        new(_headers, DateTime.UtcNow + _deadline, cancellationToken);

    /// <summary>Options for a call without a deadline.</summary>
    public CallOptions WithoutDeadline(CancellationToken cancellationToken) =>
        new(_headers, cancellationToken: cancellationToken);

    /// <summary>Checks once that the server supports BatchAppend.</summary>
    /// <returns>The server's version.</returns>
    /// <exception cref="StoreUnavailableException">The server does not support BatchAppend.</exception>
    public async ValueTask<string> VersionAsync(CancellationToken cancellationToken)
    {
        if (_version is { } known)
            return known;
        var features = new ServerFeatures.ServerFeaturesClient(_channel);
        var supported = await features.GetSupportedMethodsAsync(new Empty(), WithDeadline(cancellationToken));
        var appends = supported.Methods.Any(method =>
            method.MethodName.Equals("batchappend", StringComparison.OrdinalIgnoreCase)
            && method.ServiceName.Equals("event_store.client.streams.streams", StringComparison.OrdinalIgnoreCase));
        return appends
            ? _version = supported.EventStoreServerVersion
            : throw new StoreUnavailableException(
                $"EventStoreDB {supported.EventStoreServerVersion} at {Address} has no BatchAppend; "
                + "it takes 21.10 or later.");
    }

    public void NoteLeft() => Volatile.Write(ref _leftAt, Stopwatch.GetTimestamp());

    public void Dispose() => _channel.Dispose();

    private static Metadata Headers(EventStoreDbSettings settings)
    {
        var headers = new Metadata
        {
            { "connection-name", settings.ConnectionName },
            { "requires-leader", settings.NodePreference == NodePreference.Leader ? "true" : "false" },
        };
        if (settings is { Tls: true, Credentials: var (user, password) })
        {
            var credentials = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
            headers.Add("authorization", $"Basic {credentials}");
        }

        return headers;
    }

    private static SocketsHttpHandler Handler(EventStoreDbSettings settings)
    {
        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            InitialHttp2StreamWindowSize = WindowSize,
            KeepAlivePingDelay = settings.KeepAliveInterval,
            KeepAlivePingTimeout = settings.KeepAliveTimeout,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            ConnectTimeout = ConnectTimeout,
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
        };
        if (settings.Tls)
            handler.SslOptions = SslOptions(settings);
        return handler;
    }

    private static SslClientAuthenticationOptions SslOptions(EventStoreDbSettings settings)
    {
        var options = new SslClientAuthenticationOptions();
        if (settings.UserCertFile is { } certificate)
            options.ClientCertificates = [X509Certificate2.CreateFromPemFile(certificate, settings.UserKeyFile)];
        if (settings.TlsCaFile is { } authority)
        {
            options.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                CustomTrustStore = { X509CertificateLoader.LoadCertificateFromFile(authority) },
            };
        }

        if (!settings.TlsVerifyCert) // The connection string disables it, for test servers.
            options.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        return options;
    }
}
