using System.Text.RegularExpressions;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Architecture.Tests;

/// <summary>
/// Every port has a suite that tests its adapters. Where the suite is a contract, every adapter has a subclass.
/// </summary>
public sealed class PortRules
{
    /// <summary>Ports whose adapters are tested through the whole server, and the suite that does so.</summary>
    private static readonly Dictionary<string, string> BehindTheServer = new()
    {
        [nameof(IAuditLog)] = "HeadsLogTests",
        [nameof(IAuditPublishing)] = "RecoveryCallTests",
        [nameof(IAuditRecovery)] = "RecoveryTests",
        [nameof(IPublishedHeads)] = "HeadsLogTests",
        [nameof(ILogVerification)] = "LogVerificationTests",
        [nameof(IHeadOpenings)] = "BlankingTests",
        [nameof(IInbox)] = "ConversationTests",
        [nameof(ITimeline)] = "ConversationTests",
        [nameof(IReceipts)] = "ConversationTests",
        [nameof(IAuditTimeline)] = "MomentTests",
        [nameof(IRecordedBy)] = "AuditReadingTests",
        [nameof(IProjections)] = "OperationsTests",
        [nameof(IReadSide)] = "PositionTests",
        [nameof(ISentMessages)] = "RetrySpecs",
        [nameof(ISnapshots)] = "ServerKilledSpecs",
        [nameof(ILogIncarnation)] = "LostEntriesTests",
        [nameof(ILiveDelivery)] = "OrderSpecs",
        [nameof(INodeBus)] = "TwoNodesSpecs",
        [nameof(INodeBusReceiver)] = "TwoNodesSpecs",
        [nameof(ITypingDelivery)] = "PeopleSpecs",
        [nameof(IContentSealer)] = "SecrecySpecs",
        [nameof(IUsers)] = "ConversationTests",
        [nameof(IDeviceLinks)] = "DeviceLinkTests",
        [nameof(IErasureStep)] = "ErasureSpecs",
        [nameof(IMedia)] = "DownloadTests",
        [nameof(IUploads)] = "TusTests",
        [nameof(ILogTrims)] = "ExpiryTests",
        [nameof(IPushSubscriptions)] = "SubscriptionTests",
        [nameof(IPushQueue)] = "WakeUpTests",
        [nameof(IAuditViews)] = "MatterTests",
        [nameof(IHeld)] = "HoldTests",
        [nameof(IVapidKey)] = "WakeUpTests",
        [nameof(IExportQueue)] = "ExportTests",
    };

    private static readonly Dictionary<string, string> Tests = Solution.TestFiles("*.cs")
        .GroupBy(file => Path.GetFileNameWithoutExtension(file)!)
        .ToDictionary(files => files.Key, files => string.Join('\n', files.Select(File.ReadAllText)));

    private static readonly List<Type> Ports =
    [
        .. Solution.Application.GetTypes().Where(type =>
            type.IsInterface && type.Namespace == typeof(IEventStore).Namespace && AdaptersOf(type).Count > 0),
    ];

    [Fact]
    public void Every_port_has_a_suite()
    {
        Assert.NotEmpty(Ports);
        Assert.All(Ports, port => Assert.True(HasSuite(port.Name, NamesOfAdapters(port)), port.Name));
    }

    [Fact]
    public void Every_event_store_passes_the_contract()
    {
        var adapters = NamesOfAdapters(typeof(IEventStore));

        Assert.NotEmpty(adapters);
        Assert.Empty(WithoutContract(adapters, "EventStoreContract"));
    }

    [Fact]
    public void Every_blob_store_passes_the_contract()
    {
        var adapters = NamesOfAdapters(typeof(IBlobs));

        Assert.NotEmpty(adapters);
        Assert.Empty(WithoutContract(adapters, "BlobsContract"));
    }

    [Fact]
    public void Every_presence_passes_the_contract()
    {
        var adapters = NamesOfAdapters(typeof(IPresence));

        Assert.NotEmpty(adapters);
        Assert.Empty(WithoutContract(adapters, "PresenceContract"));
    }

    [Fact]
    public void A_port_without_a_suite_and_an_adapter_without_a_contract_are_found()
    {
        Assert.False(HasSuite("IPlanted" + "Port", ["Planted" + "Adapter"]));
        Assert.Equal(["Planted" + "EventStore"], WithoutContract(["Planted" + "EventStore"], "EventStoreContract"));
    }

    private static List<Type> AdaptersOf(Type port) =>
    [
        .. new[] { Solution.Application, Solution.Infrastructure, Solution.WebApi }
            .SelectMany(assembly => assembly.GetTypes())
            .Where(type => type is { IsClass: true, IsAbstract: false } && port.IsAssignableFrom(type)),
    ];

    private static List<string> NamesOfAdapters(Type port) => AdaptersOf(port).ConvertAll(adapter => adapter.Name);

    /// <summary>Whether a suite names the port or one of its adapters, or is listed for the port.</summary>
    private static bool HasSuite(string port, IReadOnlyCollection<string> adapters) =>
        BehindTheServer.TryGetValue(port, out var suite)
            ? Tests.ContainsKey(suite)
            : Tests.Values.Any(source => adapters.Append(port).Any(name => Regex.IsMatch(source, $@"\b{name}\b")));

    private static List<string> WithoutContract(IEnumerable<string> adapters, string contract) =>
    [
        .. adapters.Where(adapter => !Tests.Values.Any(source =>
            Regex.IsMatch(source, $@"class {adapter}Contract\b[^{{]*: {contract}<"))),
    ];
}
