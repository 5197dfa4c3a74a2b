using System.Net;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Push;
using ChatCqrs.Infrastructure.Push;
using ChatCqrs.Testing;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Tests.Push;

/// <summary>Users' addresses cannot lead the server into private networks.</summary>
public sealed class OpenAddressesTests
{
    [Theory]
    [InlineData("8.8.8.8", true)]
    [InlineData("172.32.0.1", true)]
    [InlineData("2606:4700::1111", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("10.0.0.1", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("172.16.0.1", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("192.168.1.1", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("::", false)]
    [InlineData("::1", false)]
    [InlineData("::ffff:10.0.0.1", false)]
    [InlineData("::ffff:8.8.8.8", true)]
    [InlineData("::ffff:0:10.0.0.1", false)]
    [InlineData("::10.0.0.1", false)]
    [InlineData("64:ff9b::7f00:1", false)]
    [InlineData("64:ff9b::8.8.8.8", false)]
    [InlineData("64:ff9b:1::7f00:1", false)]
    [InlineData("2002:7f00:1::", false)]
    [InlineData("2001:0:4136:e378:8000:63bf:3fff:fdd2", false)]
    [InlineData("2001:db8::1", false)]
    [InlineData("100::1", false)]
    [InlineData("4000::1", false)]
    [InlineData("5f00::1", false)]
    [InlineData("fec0::1", false)]
    [InlineData("fc00::1", false)]
    [InlineData("fd12:3456::1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("ff02::1", false)]
    public void Addresses_are_told_apart(string address, bool isOpen) =>
        Assert.Equal(isOpen, OpenAddresses.IsOpen(IPAddress.Parse(address)));

    [Theory]
    [InlineData("https://push.example/x", true)]
    [InlineData("https://8.8.8.8/x", true)]
    [InlineData("https://push.example:8443/x", false)]
    [InlineData("https://localhost/x", false)]
    [InlineData("https://LOCALHOST./x", false)]
    [InlineData("https://a.localhost/x", false)]
    [InlineData("https://127.0.0.1./x", false)]
    [InlineData("https://[::ffff:127.0.0.1]/x", false)]
    [InlineData("https://[64:ff9b::a00:1]/x", false)]
    public void An_address_is_judged_without_a_look_up(string address, bool isOpen)
    {
        var resolver = Resolver(_ => throw new InvalidOperationException("A name was looked up."));

        Assert.Equal(isOpen, Addresses(allowPrivate: false, resolver).Judge(new Uri(address)) is null);
    }

    [Theory]
    [InlineData("https://push.example/x", "10.0.0.1")]
    [InlineData("https://push.example/x", "8.8.8.8", "::ffff:127.0.0.1")]
    [InlineData("https://push.example:8443/x", "8.8.8.8")]
    public async Task What_counts_is_where_a_connection_leads_when_it_is_made(string address, params string[] resolved)
    {
        var resolver = Resolver(_ => [.. resolved.Select(IPAddress.Parse)]);
        using var http = Addresses(allowPrivate: false, resolver).CreateClient();

        Assert.IsType<PushOutcome.Refused>(await AskAsync(http, new Uri(address)));
    }

    [Fact]
    public async Task A_name_that_is_not_resolved_in_time_is_tried_again_later()
    {
        using var silent = new ManualResetEventSlim();
        var resolver = Resolver(_ =>
        {
            silent.Wait();
            return [];
        });
        using var http = Addresses(allowPrivate: false, resolver).CreateClient();

        var outcome = await AskAsync(http, new Uri("https://push.example/x"));
        silent.Set();

        Assert.Equal("the name server is silent", Assert.IsType<PushOutcome.Later>(outcome).Reason);
    }

    [Fact]
    public async Task Redirects_are_not_followed()
    {
        await using var service = await PushService.StartAsync();
        service.Answer = (_, response) =>
        {
            response.Redirect(new Uri(service.Address, "/elsewhere").AbsoluteUri);
            return Task.CompletedTask;
        };
        using var http = Addresses(allowPrivate: true).CreateClient();

        var outcome = await AskAsync(http, service.Address);

        Assert.IsType<PushOutcome.Refused>(outcome);
        Assert.Equal("/", Assert.Single(service.Requests).Path);
    }

    private static Task<PushOutcome> AskAsync(HttpClient http, Uri address) => PushAnswers.AskAsync(
        http, new HttpRequestMessage(HttpMethod.Post, address), TimeProvider.System,
        (response, _) => Task.FromResult<PushOutcome>(new PushOutcome.Refused($"status {(int)response.StatusCode}")),
        CancellationToken.None);

    private static OpenAddresses Addresses(bool allowPrivate, NameResolver? resolver = null) => new(
        Options.Create(new PushOptions { AllowPrivateEndpoints = allowPrivate }),
        resolver ?? new NameResolver(TimeProvider.System));

    private static NameResolver Resolver(Func<string, IPAddress[]> lookUp) =>
        new(TimeProvider.System) { LookUp = lookUp };
}
