using System.Globalization;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>
/// The connection to EventStoreDB, in the connection-string form of the official clients:
/// <c>esdb://user:password@host1,host2:2113?tls=true&amp;nodePreference=leader</c>, or <c>esdb+discover://...</c> to
/// discover the members of a cluster.
/// </summary>
internal sealed class EventStoreDbSettings
{
    private const string Scheme = "esdb://";
    private const string DiscoverScheme = "esdb+discover://";

    private static readonly TimeSpan CheckEveryMax = TimeSpan.FromSeconds(5);

    private EventStoreDbSettings(IReadOnlyList<NodeAddress> hosts, bool discover)
    {
        Hosts = hosts;
        Discover = discover;
    }

    public IReadOnlyList<NodeAddress> Hosts { get; }

    /// <summary>Whether to ask the hosts for their cluster's members; always true for several hosts.</summary>
    public bool Discover { get; }

    /// <summary>Credentials for every call over TLS; null for none.</summary>
    public (string User, string Password)? Credentials { get; private set; }

    public bool Tls { get; private set; } = true;
    public bool TlsVerifyCert { get; private set; } = true;

    /// <summary>The PEM file of the trusted certificate authority; null for the system's.</summary>
    public string? TlsCaFile { get; private set; }

    /// <summary>The PEM file of the client certificate; null for none.</summary>
    public string? UserCertFile { get; private set; }

    /// <summary>The PEM file of the client certificate's key; null for none.</summary>
    public string? UserKeyFile { get; private set; }

    public NodePreference NodePreference { get; private set; } = NodePreference.Leader;

    /// <summary>This client's name in the server's statistics.</summary>
    public string ConnectionName { get; private set; } = "chatcqrs";

    /// <summary>How many discovery attempts a call makes before it fails.</summary>
    public int MaxDiscoverAttempts { get; private set; } = 10;

    /// <summary>The wait after the first failed discovery; it doubles up to a second.</summary>
    public TimeSpan DiscoveryInterval { get; private set; } = TimeSpan.FromMilliseconds(100);

    public TimeSpan GossipTimeout { get; private set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The time limit of a call with the discovery of its node and all redirects; for a subscription, until its
    /// confirmation. The default leaves a command room to be answered within 10 s.
    /// </summary>
    public TimeSpan DefaultDeadline { get; private set; } = TimeSpan.FromSeconds(8);

    /// <summary>
    /// How long a node may take to answer an append. Half of the deadline: the appends that have waited for those of a
    /// silent node can still be made at another.
    /// </summary>
    public TimeSpan AppendTimeout => DefaultDeadline / 2;

    /// <summary>The server's own time limit for an append, so that its answer comes in time.</summary>
    public TimeSpan ServerDeadline => AppendTimeout * 0.75;

    /// <summary>How often a subscription's node is asked whether it still belongs to its cluster.</summary>
    public TimeSpan CheckEvery => DefaultDeadline / 2 < CheckEveryMax ? DefaultDeadline / 2 : CheckEveryMax;

    public TimeSpan KeepAliveInterval { get; private set; } = TimeSpan.FromSeconds(10);
    public TimeSpan KeepAliveTimeout { get; private set; } = TimeSpan.FromSeconds(10);

    /// <exception cref="FormatException">The text is invalid; the message never repeats a password.</exception>
    public static EventStoreDbSettings Parse(string connectionString)
    {
        var discover = connectionString.StartsWith(DiscoverScheme, StringComparison.OrdinalIgnoreCase);
        if (!discover && !connectionString.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            throw new FormatException("A connection string to EventStoreDB starts with esdb:// or esdb+discover://.");

        var rest = connectionString[(discover ? DiscoverScheme : Scheme).Length..];
        var question = rest.IndexOf('?', StringComparison.Ordinal);
        var options = question < 0 ? "" : rest[(question + 1)..];
        rest = question < 0 ? rest : rest[..question];
        var at = rest.LastIndexOf('@');
        var hosts = rest[(at + 1)..].TrimEnd('/').Split(',').Select(NodeAddress.Parse).ToArray();
        var settings = new EventStoreDbSettings(hosts, discover || hosts.Length > 1)
        {
            Credentials = at < 0 ? null : ParseCredentials(rest[..at]),
        };
        settings.Apply(options);
        return settings;
    }

    private static (string User, string Password) ParseCredentials(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon > 0
            ? (Uri.UnescapeDataString(text[..colon]), Uri.UnescapeDataString(text[(colon + 1)..]))
            : throw new FormatException(
                "The credentials of the connection string to EventStoreDB are not user:password.");
    }

    private void Apply(string options)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var option in options.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = option.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? option : option[..equals];
            if (equals < 0 || !seen.Add(name))
            {
                throw new FormatException(
                    $"The option {name} of the connection string to EventStoreDB stands twice or has no value.");
            }

            Apply(name, Uri.UnescapeDataString(option[(equals + 1)..]));
        }

        if ((UserCertFile is null) != (UserKeyFile is null))
        {
            throw new FormatException(
                "userCertFile and userKeyFile of the connection string to EventStoreDB belong together.");
        }
    }

    private void Apply(string name, string value)
    {
        switch (name.ToUpperInvariant())
        {
            case "TLS": Tls = Bool(name, value); break;
            case "TLSVERIFYCERT": TlsVerifyCert = Bool(name, value); break;
            case "TLSCAFILE": TlsCaFile = value; break;
            case "USERCERTFILE": UserCertFile = value; break;
            case "USERKEYFILE": UserKeyFile = value; break;
            case "CONNECTIONNAME": ConnectionName = value; break;
            case "NODEPREFERENCE": NodePreference = Preference(value); break;
            case "MAXDISCOVERATTEMPTS": MaxDiscoverAttempts = Number(name, value, least: 1); break;
            case "DISCOVERYINTERVAL": DiscoveryInterval = Milliseconds(name, value); break;
            case "GOSSIPTIMEOUT": GossipTimeout = Milliseconds(name, value); break;
            case "DEFAULTDEADLINE": DefaultDeadline = Milliseconds(name, value); break;
            case "KEEPALIVEINTERVAL": KeepAliveInterval = KeepAlive(name, value); break;
            case "KEEPALIVETIMEOUT": KeepAliveTimeout = KeepAlive(name, value); break;
            case "THROWONAPPENDFAILURE": Bool(name, value); break; // Only official clients use it.
            default: throw new FormatException($"The connection string to EventStoreDB has the unknown option {name}.");
        }
    }

    private static bool Bool(string name, string value) =>
        bool.TryParse(value, out var result)
            ? result
            : throw new FormatException($"{name} of the connection string to EventStoreDB is not true or false.");

    private static int Number(string name, string value, int least) =>
        int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var result)
        && result >= least
            ? result
            : throw new FormatException(
                $"{name} of the connection string to EventStoreDB is not a number from {least} on.");

    private static TimeSpan Milliseconds(string name, string value) =>
        TimeSpan.FromMilliseconds(Number(name, value, least: 1));

    /// <summary>Milliseconds, -1 for never. SocketsHttpHandler sends HTTP/2 pings at most once a second.</summary>
    private static TimeSpan KeepAlive(string name, string value) => Number(name, value, least: -1) switch
    {
        -1 => Timeout.InfiniteTimeSpan,
        var milliseconds => TimeSpan.FromMilliseconds(Math.Max(milliseconds, 1_000)),
    };

    private static NodePreference Preference(string value) =>
        Enum.TryParse<NodePreference>(value, ignoreCase: true, out var result) && !char.IsDigit(value[0])
            ? result
            : throw new FormatException(
                "nodePreference of the connection string to EventStoreDB is none of "
                + $"{string.Join(", ", Enum.GetNames<NodePreference>())}.");
}
