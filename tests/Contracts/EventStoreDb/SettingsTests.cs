using ChatCqrs.Infrastructure.EventStoreDb;

namespace ChatCqrs.Contracts.EventStoreDb;

public sealed class SettingsTests
{
    [Fact]
    public void A_single_node_is_talked_to_over_tls_and_as_the_leader()
    {
        var settings = EventStoreDbSettings.Parse("esdb://store.example");

        Assert.Equal([new NodeAddress("store.example", 2113)], settings.Hosts);
        Assert.Equal(
            (false, true, true, NodePreference.Leader),
            (settings.Discover, settings.Tls, settings.TlsVerifyCert, settings.NodePreference));
        Assert.Null(settings.Credentials);
    }

    [Theory]
    [InlineData("esdb+discover://store.example?tls=false", true)]
    [InlineData("esdb://a.example,b.example:1114?tls=false", true)]
    [InlineData("ESDB://a.example:1114/?TLS=FALSE", false)]
    public void Several_hosts_or_the_word_discover_mean_a_cluster(string text, bool discover)
    {
        var settings = EventStoreDbSettings.Parse(text);

        Assert.Equal((discover, false), (settings.Discover, settings.Tls));
    }

    [Fact]
    public void Every_option_of_the_official_clients_is_understood()
    {
        var settings = EventStoreDbSettings.Parse(
            "esdb://us%40er:pa%3Ass@[::1]:1234?tlsVerifyCert=false&nodePreference=readOnlyReplica"
            + "&maxDiscoverAttempts=3&discoveryInterval=50&gossipTimeout=1000"
            + "&defaultDeadline=2500&keepAliveInterval=-1&keepAliveTimeout=500&connectionName=chat%201"
            + "&throwOnAppendFailure=false&tlsCaFile=%2Fca.pem&userCertFile=c&userKeyFile=k");

        Assert.Equal(("us@er", "pa:ss"), settings.Credentials);
        Assert.Equal([new NodeAddress("[::1]", 1234)], settings.Hosts);
        Assert.Equal(
            (false, NodePreference.ReadOnlyReplica, 3),
            (settings.TlsVerifyCert, settings.NodePreference, settings.MaxDiscoverAttempts));
        Assert.Equal(TimeSpan.FromMilliseconds(2_500), settings.DefaultDeadline);
        Assert.Equal(
            (Timeout.InfiniteTimeSpan, TimeSpan.FromSeconds(1)),
            (settings.KeepAliveInterval, settings.KeepAliveTimeout));
        Assert.Equal(
            ("chat 1", "/ca.pem", "c", "k"),
            (settings.ConnectionName, settings.TlsCaFile, settings.UserCertFile, settings.UserKeyFile));
    }

    [Theory]
    [InlineData("http://store.example")]
    [InlineData("esdb://")]
    [InlineData("esdb://host:0")]
    [InlineData("esdb://host:99999")]
    [InlineData("esdb://host:x")]
    [InlineData("esdb://user:secret@host?tls=perhaps")]
    [InlineData("esdb://user:secret@host?tls=true&tls=false")]
    [InlineData("esdb://user:secret@host?colour=blue")]
    [InlineData("esdb://user:secret@host?nodePreference=7")]
    [InlineData("esdb://user:secret@host?defaultDeadline=0")]
    [InlineData("esdb://user:secret@host?userCertFile=c")]
    [InlineData("esdb://usersecret@host")]
    public void What_is_wrong_is_named_and_never_the_password(string text)
    {
        var wrong = Assert.Throws<FormatException>(() => EventStoreDbSettings.Parse(text));

        Assert.DoesNotContain("secret", wrong.Message, StringComparison.Ordinal);
    }
}
