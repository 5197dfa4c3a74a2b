using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Sealing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Tests.Sealing;

public sealed class SealingOptionsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sealing").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Production_must_bring_a_key() => AssertWrong("Sealing:MasterKeys", Environments.Production);

    [Fact]
    public void A_key_must_have_32_bytes()
    {
        AssertWrong("Sealing:MasterKeys:a", Environments.Production, ("Sealing:MasterKeys:a", "c2hvcnQ="));
        AssertWrong("Sealing:MasterKeys:a", Environments.Production, ("Sealing:MasterKeys:a", "not base64"));
        var tooLong = Convert.ToBase64String(new byte[33]);
        AssertWrong("Sealing:MasterKeys:a", Environments.Production, ("Sealing:MasterKeys:a", tooLong));
    }

    [Fact]
    public void Of_several_keys_one_must_be_current()
    {
        AssertWrong("Sealing:CurrentKey", Environments.Production, Key("a"), Key("b"));
        AssertWrong("Sealing:CurrentKey", Environments.Production, Key("a"), ("Sealing:CurrentKey", "b"));
        Assert.Equal("b", Options(Environments.Production, Key("a"), Key("b"), ("Sealing:CurrentKey", "b")).Current);
        Assert.Equal("a", Options(Environments.Production, Key("a")).Current);
    }

    [Fact]
    public void Keys_may_come_from_a_file_which_must_be_there()
    {
        var file = Path.Combine(_folder, "keys.json");
        File.WriteAllText(file, $$"""{"file-1":"{{Convert.ToBase64String(new byte[32])}}"}""");

        Assert.Equal("file-1", Options(Environments.Production, ("Sealing:MasterKeyFile", file)).Current);
        var both = Options(
            Environments.Production, ("Sealing:MasterKeyFile", file), Key("a"), ("Sealing:CurrentKey", "a"));
        Assert.Equal("a", both.Current);
        AssertWrong("Sealing:MasterKeyFile", Environments.Production, ("Sealing:MasterKeyFile", file + ".missing"));
        AssertWrong("Sealing:MasterKeyFile", Environments.Development, ("Sealing:MasterKeyFile", file + ".missing"));
        File.WriteAllText(file, "no JSON");
        AssertWrong("Sealing:MasterKeyFile", Environments.Production, ("Sealing:MasterKeyFile", file));
    }

    [Fact]
    public void Development_makes_a_key_once_that_only_its_owner_can_read()
    {
        var made = Options(Environments.Development);

        Assert.Equal(made.Key(made.Current), Options(Environments.Development).Key(made.Current));
        var file = Assert.Single(Directory.GetFiles(_folder));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    [Fact]
    public void Processes_that_start_at_once_in_Development_share_one_key()
    {
        var keys = Enumerable.Range(0, 8).AsParallel().WithDegreeOfParallelism(8)
            .Select(_ => Options(Environments.Development))
            .Select(options => Convert.ToBase64String(options.Key(options.Current))).ToList();

        Assert.Single(keys.Distinct());
        Assert.Single(Directory.GetFiles(_folder));
    }

    [Fact]
    public void Development_makes_no_key_where_one_is_configured()
    {
        Assert.Equal("a", Options(Environments.Development, Key("a")).Current);
        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Fact]
    public void Keys_are_not_printed()
    {
        var key = Convert.ToBase64String(Enumerable.Repeat((byte)7, 32).ToArray());
        var options = Options(Environments.Production, ("Sealing:MasterKeys:a", key));
        Assert.DoesNotContain(key, options.ToString(), StringComparison.Ordinal);
    }

    private static (string Name, string Value) Key(string id) =>
        ($"Sealing:MasterKeys:{id}", Convert.ToBase64String(new byte[32]));

    private void AssertWrong(string setting, string environment, params (string Name, string Value)[] settings)
    {
        var exception = Assert.Throws<OptionsValidationException>(() => Options(environment, settings));
        Assert.Contains(setting, exception.Message, StringComparison.Ordinal);
    }

    private SealingOptions Options(string environment, params (string Name, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(
                settings.Select(setting => KeyValuePair.Create(setting.Name, (string?)setting.Value))).Build();
        using var services = new ServiceCollection()
            .AddLogging()
            .AddPostgres("Host=127.0.0.1").AddMartenStore()
            .AddSealing(configuration, new HostingEnvironment { EnvironmentName = environment }, _folder)
            .BuildServiceProvider();
        return services.GetRequiredService<IOptions<SealingOptions>>().Value;
    }
}
