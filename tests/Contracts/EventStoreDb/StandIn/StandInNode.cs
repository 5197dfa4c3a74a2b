using System.Net;
using System.Security.Cryptography.X509Certificates;
using ChatCqrs.Infrastructure.EventStoreDb;
using ChatCqrs.Infrastructure.EventStoreDb.Protocol;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Contracts.EventStoreDb.StandIn;

/// <summary>
/// A stand-in for an EventStoreDB node: speaks the protocol on a local socket, and can fail like a real node.
/// </summary>
internal sealed class StandInNode(NodeLog log, X509Certificate2? certificate = null) : IAsyncDisposable
{
    private readonly List<string?> _authorizations = [];
    private CancellationTokenSource _dropped = new();
    private WebApplication? _app;
    private int _port;
    private int _subscriptions;
    private int _appends;
    private int _gossips;

    public NodeLog Log => log;

    public NodeAddress Address => new("127.0.0.1", _port);

    public string ConnectionString => $"esdb://{Address}?tls=false";

    /// <summary>The members that gossip reports; this node as the leader when empty.</summary>
    public IReadOnlyList<MemberInfo> Members { get; set; } = [];

    /// <summary>The leader to which this node redirects; null when it is the leader.</summary>
    public StandInNode? Leader { get; set; }

    /// <summary>While false, appends and reads get no answer.</summary>
    public bool Answers { get; set; } = true;

    /// <summary>While false, gossip gets no answer: with <see cref="Answers"/>, the process is stopped.</summary>
    public bool Gossips { get; set; } = true;

    /// <summary>While false, subscriptions get no events, as at a node that no longer follows its leader.</summary>
    public bool Delivers { get; set; } = true;

    /// <summary>While false, the answer to an append is that the server is not ready.</summary>
    public bool IsReady { get; set; } = true;

    /// <summary>What gossip waits for; completed by default.</summary>
    public Task GossipsAfter { get; set; } = Task.CompletedTask;

    /// <summary>Called with the number of gossips so far; null for nothing.</summary>
    public Action<int>? OnGossip { get; set; }

    /// <summary>Completed at the first gossip.</summary>
    public TaskCompletionSource Gossiped { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How many requests to append have come.</summary>
    public int Appends => _appends;

    /// <summary>A stream that refuses appends.</summary>
    public string? Denied { get; set; }

    /// <summary>After this many log records the first subscription is closed as too slow; null for never.</summary>
    public int? TooSlowAfter { get; set; }

    public bool HasBatchAppend { get; set; } = true;

    public int Subscriptions => _subscriptions;

    /// <summary>The <c>authorization</c> headers of all reads.</summary>
    public IReadOnlyList<string?> Authorizations => _authorizations;

    public CancellationToken Dropped => _dropped.Token;

    public static async Task<StandInNode> StartAsync(NodeLog? log = null, X509Certificate2? certificate = null)
    {
        var node = new StandInNode(log ?? new NodeLog(), certificate);
        await node.StartAgainAsync();
        return node;
    }

    /// <summary>Starts on the previous port.</summary>
    public async Task StartAgainAsync()
    {
        _dropped = new CancellationTokenSource();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, _port, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            if (certificate is not null)
                listen.UseHttps(certificate);
        }));
        builder.Services.AddSingleton(this);
        builder.Services.AddGrpc(grpc => grpc.MaxReceiveMessageSize = 17 * 1024 * 1024);
        _app = builder.Build();
        _app.MapGrpcService<StreamsService>();
        _app.MapGrpcService<GossipService>();
        _app.MapGrpcService<FeaturesService>();
        await _app.StartAsync();
        _port = new Uri(_app.Urls.Single()).Port;
    }

    /// <summary>Ends all calls and stops listening, like a dying node.</summary>
    public async Task StopAsync()
    {
        await _dropped.CancelAsync();
        if (_app is not null)
            await _app.DisposeAsync();
        _app = null;
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    public MemberInfo As(MemberInfo.Types.VNodeState state, bool alive = true) => new()
    {
        State = state,
        IsAlive = alive,
        HttpEndPoint = new Infrastructure.EventStoreDb.Protocol.EndPoint
        {
            Address = Address.Host,
            Port = (uint)Address.Port,
        },
    };

    public int Subscribed() => Interlocked.Increment(ref _subscriptions);

    public void Gossip()
    {
        Gossiped.TrySetResult();
        OnGossip?.Invoke(Interlocked.Increment(ref _gossips));
    }

    public void Appending() => Interlocked.Increment(ref _appends);

    public void Heard(Metadata headers)
    {
        lock (_authorizations)
            _authorizations.Add(headers.GetValue("authorization"));
    }

    public void ThrowIfNotLeader()
    {
        if (Leader is not { } leader)
            return;
        throw new RpcException(new Grpc.Core.Status(StatusCode.NotFound, "Leader info available"), new Metadata
        {
            { "exception", "not-leader" },
            { "leader-endpoint-host", leader.Address.Host },
            { "leader-endpoint-port", $"{leader.Address.Port}" },
        });
    }
}

internal sealed class GossipService(StandInNode node) : Gossip.GossipBase
{
    public override async Task<ClusterInfo> Read(Empty request, ServerCallContext context)
    {
        node.Gossip();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, node.Dropped);
        await node.GossipsAfter.WaitAsync(ended.Token);
        if (!node.Gossips)
            await Task.Delay(Timeout.Infinite, ended.Token);
        return new ClusterInfo
        {
            Members = { node.Members.Count > 0 ? node.Members : [node.As(MemberInfo.Types.VNodeState.Leader)] },
        };
    }
}

internal sealed class FeaturesService(StandInNode node) : ServerFeatures.ServerFeaturesBase
{
    public override Task<SupportedMethods> GetSupportedMethods(Empty request, ServerCallContext context)
    {
        var supported = new SupportedMethods { EventStoreServerVersion = node.HasBatchAppend ? "23.10.6" : "20.6.1" };
        if (node.HasBatchAppend)
        {
            supported.Methods.Add(new SupportedMethod
            {
                MethodName = "batchappend",
                ServiceName = "event_store.client.streams.streams",
            });
        }

        return Task.FromResult(supported);
    }
}
