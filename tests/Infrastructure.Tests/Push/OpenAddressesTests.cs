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
    [InlineData("64:ff9b::7f00:1", false)]
    [InlineData("2002:7f00:1::", false)]
    [InlineData("fc00::1", false)]
    [InlineData("fd12:3456::1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("ff02::1", false)]
    public void Addresses_are_told_apart(string address, bool isOpen) =>
        Assert.Equal(isOpen, OpenAddresses.IsOpen(IPAddress.Parse(address)));

    [Fact]
    public async Task What_counts_is_where_a_connection_leads_when_it_is_made()
    {
        await using var service = await PushService.StartAsync();
        using var http = Addresses(allowPrivate: false).CreateClient();

        // The name passed the check earlier and resolves to this machine now.
        var outcome = await AskAsync(http, new UriBuilder(service.Address) { Host = "localhost" }.Uri);

        Assert.IsType<PushOutcome.Refused>(outcome);
        Assert.Empty(service.Requests);
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
        response => Task.FromResult<PushOutcome>(new PushOutcome.Refused($"status {(int)response.StatusCode}")),
        CancellationToken.None);

    private static OpenAddresses Addresses(bool allowPrivate) =>
        new(Options.Create(new PushOptions { AllowPrivateEndpoints = allowPrivate }));
}
