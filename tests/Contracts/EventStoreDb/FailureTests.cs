using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ChatCqrs.Application.Ports;
using ChatCqrs.Contracts.EventStoreDb.StandIn;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.EventStoreDb;
using ChatCqrs.Infrastructure.EventStoreDb.Protocol;
using ChatCqrs.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace ChatCqrs.Contracts.EventStoreDb;

/// <summary>The adapter's behaviour when nodes die, redirect, stop answering or close slow subscriptions.</summary>
public sealed class FailureTests : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly List<IAsyncDisposable> _nodes = [];
    private readonly List<IDisposable> _stores = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var store in _stores)
            store.Dispose();
        foreach (var node in _nodes)
            await node.DisposeAsync();
    }

    [Fact]
    public async Task A_node_that_is_gone_is_unavailable_and_works_again_when_it_is_back()
    {
        var node = await NodeAsync();
        var (store, stream) = (StoreOf(node.ConnectionString), Some.Stream());
        await AppendedAsync(store, stream, StreamAppend.NoStream);

        await node.StopAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => AppendedAsync(store, stream, 0));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.HeadAsync(None));
        await node.StartAgainAsync();

        await Eventually.IsTrue(() => TryAppendAsync(store, stream), "the node takes appends again");
        Assert.Equal(2, (await store.ReadStreamAsync(stream, 0, ReadDirection.Forwards, 10, None)).Count);
    }

    [Fact]
    public async Task An_append_without_an_answer_fails_in_time_and_may_be_repeated()
    {
        var node = await NodeAsync();
        var (store, stream) = (StoreOf(node.ConnectionString + "&defaultDeadline=300"), Some.Stream());
        StreamAppend[] batch = [new(stream, StreamAppend.NoStream, Some.Events(2))];
        await AppendedAsync(store, Some.Stream(), StreamAppend.NoStream);
        node.Answers = false;

        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.AppendAsync(batch, None));
        node.Answers = true;

        var repeated = Assert.IsType<AppendOutcome.Appended>((await store.AppendAsync(batch, None)).Single());
        Assert.Equal(1, repeated.LastRevision);
    }

    [Fact]
    public async Task A_stream_that_is_refused_fails_by_itself_and_not_with_what_is_appended_beside_it()
    {
        var node = await NodeAsync();
        var (store, one, other) = (StoreOf(node.ConnectionString), Some.Stream(), Some.Stream());
        node.Denied = Some.Stream();

        string[] streams = [one, node.Denied, other];
        var outcomes = await store.AppendAsync(
            [.. streams.Select(stream => new StreamAppend(stream, StreamAppend.NoStream, Some.Events(2)))], None);

        Assert.Equal(1, Assert.IsType<AppendOutcome.Appended>(outcomes[0]).LastRevision);
        Assert.Equal(1, Assert.IsType<AppendOutcome.Appended>(outcomes[2]).LastRevision);
        var refused = Assert.IsType<InvalidOperationException>(Assert.IsType<AppendOutcome.Failed>(outcomes[1]).Reason);
        Assert.Contains(node.Denied, refused.Message, StringComparison.Ordinal);
        Assert.Equal(2, (await store.ReadStreamAsync(other, 0, ReadDirection.Forwards, 10, None)).Count);
    }

    [Fact]
    public async Task Who_truncates_what_may_not_be_changed_is_told()
    {
        var node = await NodeAsync();
        var (store, stream) = (StoreOf(node.ConnectionString), Some.Stream());
        await AppendedAsync(store, stream, StreamAppend.NoStream);
        node.Denied = "$$" + stream;

        await Assert.ThrowsAsync<InvalidOperationException>(() => store.TruncateAsync(stream, 1, None));
    }

    [Fact]
    public async Task A_read_without_an_answer_fails_in_time()
    {
        var node = await NodeAsync();
        var store = StoreOf(node.ConnectionString + "&defaultDeadline=300");
        node.Answers = false;

        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.HeadAsync(None));
    }

    [Fact]
    public async Task A_subscription_ends_with_its_node_and_one_from_the_last_position_goes_on()
    {
        var node = await NodeAsync();
        var (store, stream) = (StoreOf(node.ConnectionString), Some.Stream());
        await AppendedAsync(store, stream, StreamAppend.NoStream);
        await using var first = store.SubscribeAllAsync(LogPosition.Start, None).GetAsyncEnumerator();
        Assert.True(await first.MoveNextAsync());
        var seen = first.Current[^1].Position;

        await node.StopAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => first.MoveNextAsync().AsTask());
        await node.StartAgainAsync();
        await Eventually.IsTrue(() => TryAppendAsync(store, stream), "the node takes appends again");

        await using var second = store.SubscribeAllAsync(seen, None).GetAsyncEnumerator();
        Assert.True(await second.MoveNextAsync());
        Assert.Equal(1, Assert.Single(second.Current).Revision);
    }

    [Fact]
    public async Task Who_is_found_too_slow_follows_again_and_misses_nothing_and_gets_nothing_twice()
    {
        var node = await NodeAsync();
        node.TooSlowAfter = 30;
        var (store, stream) = (StoreOf(node.ConnectionString), Some.Stream());
        var following = new Following(store, LogPosition.Start, [stream]);

        for (var revision = StreamAppend.NoStream; revision < 99; revision++)
            await AppendedAsync(store, stream, revision);
        await following.SeesAsync(100);
        await following.EndAsync();

        Assert.Equal(Enumerable.Range(0, 100).Select(n => (long)n), following.Seen.Select(e => e.Revision));
        Assert.Equal(2, node.Subscriptions);
    }

    [Fact]
    public async Task Appends_and_reads_follow_to_the_leader()
    {
        var log = new NodeLog();
        var (leader, follower) = (await NodeAsync(log), await NodeAsync(log));
        follower.Leader = leader;
        var stream = Some.Stream();

        await AppendedAsync(StoreOf(follower.ConnectionString), stream, StreamAppend.NoStream);

        Assert.Single(await StoreOf(follower.ConnectionString).ReadStreamAsync(
            stream, 0, ReadDirection.Forwards, 10, None));
    }

    [Fact]
    public async Task Nodes_that_point_to_each_other_are_not_followed_for_ever()
    {
        var log = new NodeLog();
        var (one, other) = (await NodeAsync(log), await NodeAsync(log));
        (one.Leader, other.Leader) = (other, one);

        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => AppendedAsync(StoreOf(one.ConnectionString), Some.Stream(), StreamAppend.NoStream));
    }

    [Fact]
    public async Task Of_a_cluster_the_leader_is_found_though_some_members_are_dead()
    {
        var log = new NodeLog();
        var (dead, follower, leader) = (await NodeAsync(log), await NodeAsync(log), await NodeAsync(log));
        follower.Leader = leader;
        follower.Members =
        [
            dead.As(MemberInfo.Types.VNodeState.Leader, alive: false),
            follower.As(MemberInfo.Types.VNodeState.Follower),
            leader.As(MemberInfo.Types.VNodeState.Leader),
        ];
        await dead.StopAsync();
        var store = StoreOf($"esdb+discover://{dead.Address},{follower.Address}?tls=false");

        await AppendedAsync(store, Some.Stream(), StreamAppend.NoStream);
    }

    [Fact]
    public async Task When_the_leader_dies_the_next_one_is_found()
    {
        var log = new NodeLog();
        var (one, other) = (await NodeAsync(log), await NodeAsync(log));
        one.Members = [one.As(MemberInfo.Types.VNodeState.Leader), other.As(MemberInfo.Types.VNodeState.Follower)];
        other.Members = one.Members;
        var (store, stream) = (StoreOf($"esdb+discover://{one.Address},{other.Address}?tls=false"), Some.Stream());
        await AppendedAsync(store, stream, StreamAppend.NoStream);

        await one.StopAsync();
        other.Members =
        [
            one.As(MemberInfo.Types.VNodeState.Leader, alive: false),
            other.As(MemberInfo.Types.VNodeState.Leader),
        ];

        await Eventually.IsTrue(() => TryAppendAsync(store, stream), "the other node takes the append");
        Assert.Equal(2, (await store.ReadStreamAsync(stream, 0, ReadDirection.Forwards, 10, None)).Count);
    }

    [Fact]
    public async Task A_server_without_what_the_adapter_needs_is_refused()
    {
        var node = await NodeAsync();
        node.HasBatchAppend = false;

        var refused = await Assert.ThrowsAsync<StoreUnavailableException>(
            () => AppendedAsync(StoreOf(node.ConnectionString), Some.Stream(), StreamAppend.NoStream));

        Assert.Contains("20.6.1", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Over_tls_the_certificate_is_checked_and_the_credentials_are_sent()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = DateTimeOffset.UtcNow;
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        using var usable = X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
        var authority = Path.GetTempFileName();
        await File.WriteAllTextAsync(authority, certificate.ExportCertificatePem());
        var node = await NodeAsync(certificate: usable);

        var caFile = Uri.EscapeDataString(authority);
        await StoreOf($"esdb://admin:secret@{node.Address}?tlsCaFile={caFile}").HeadAsync(None);
        await StoreOf($"esdb://{node.Address}?tlsVerifyCert=false").HeadAsync(None);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => StoreOf($"esdb://{node.Address}").HeadAsync(None));

        Assert.Equal(["Basic YWRtaW46c2VjcmV0", null], node.Authorizations);
        File.Delete(authority);
    }

    [Fact]
    public async Task Credentials_are_not_sent_in_the_clear()
    {
        var node = await NodeAsync();

        await StoreOf($"esdb://admin:secret@{node.Address}?tls=false").HeadAsync(None);

        Assert.Equal([null], node.Authorizations);
    }

    private async Task<StandInNode> NodeAsync(NodeLog? log = null, X509Certificate2? certificate = null)
    {
        var node = await StandInNode.StartAsync(log, certificate);
        _nodes.Add(node);
        return node;
    }

    private EventStoreDbEventStore StoreOf(string connectionString)
    {
        var store = new EventStoreDbEventStore(
            EventStoreDbSettings.Parse(connectionString), NullLogger<EventStoreDbEventStore>.Instance);
        _stores.Add(store);
        return store;
    }

    private static async Task AppendedAsync(IEventStore store, string stream, long expected)
    {
        var append = new StreamAppend(stream, expected, Some.Events(1));
        Assert.IsType<AppendOutcome.Appended>((await store.AppendAsync([append], None)).Single());
    }

    private static async Task<bool> TryAppendAsync(IEventStore store, string stream)
    {
        try
        {
            await AppendedAsync(store, stream, 0);
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }
}
