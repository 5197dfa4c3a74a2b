using System.Security.Cryptography;

namespace ChatCqrs.WebApi.Tests.Hosting;

/// <summary>The server as in Production, with keys of its own and <see cref="MetricsToken"/>.</summary>
public class ProductionServer : ChatServer
{
    public const string MetricsToken = "a token of 28 characters ...";

    protected override IEnumerable<(string Name, string Value)> Settings =>
    [
        .. base.Settings, ("environment", "Production"), ("Metrics:Token", MetricsToken),
        ("Sealing:MasterKeys:one", Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))),
        ("Tokens:Keys:0", ECDsa.Create(ECCurve.NamedCurves.nistP256).ExportPkcs8PrivateKeyPem()),
        ("Audit:Origin", "chat.example.org/v1/audit/heads"),
        ("Sms:WebhookUrl", "http://127.0.0.1:9/"), ("Sms:WebhookSecret", "a secret of 25 characters"),
    ];
}

/// <summary>The server as in Production, with the descriptions and without a token of metrics.</summary>
public sealed class DescribedProductionServer : ProductionServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
        base.Settings.Where(setting => setting.Name != "Metrics:Token").Append(("OpenApi:Enabled", "true"));
}

public sealed class DescribedProductionTests(DescribedProductionServer server)
    : IClassFixture<DescribedProductionServer>
{
    [Fact]
    public async Task Descriptions_are_served_where_the_operator_says_so()
    {
        (await server.GetAsync("/swagger/v1/swagger.json")).Is(200);
        (await server.GetAsync("/asyncapi/v1/asyncapi.json")).Is(200);
    }

    [Fact]
    public async Task Without_a_token_there_are_no_metrics() =>
        (await server.GetAsync("/metrics")).IsProblem(404, "not_found");
}
