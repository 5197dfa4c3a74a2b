using ChatCqrs.Acceptance.Client;

namespace ChatCqrs.Acceptance.Server;

/// <summary>The server that most tests share: the one at <c>CHATCQRS_URL</c>, or one that it starts.</summary>
public sealed class Product : IAsyncLifetime
{
    private Deployment? _deployment;
    private ServerProcess? _server;
    private ChatApi? _api;

    public ChatApi Api => _api!;

    public async Task InitializeAsync()
    {
        if (Surroundings.Url is { } url)
        {
            _api = new ChatApi(new Uri(url));
            return;
        }
        _deployment = await Deployment.CreateAsync();
        _server = await ServerProcess.StartAsync(_deployment);
        _api = _server.Api;
    }

    public Task<Person> RegisterAsync(string name = "Ada") => Person.RegisterAsync(Api, name: name);

    public async Task<(Person Ada, Person Bob)> PairAsync() => (await RegisterAsync("Ada"), await RegisterAsync("Bob"));

    public async Task DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
        else _api?.Dispose();
        if (_deployment is not null) await _deployment.DisposeAsync();
    }
}

[CollectionDefinition(Name)]
public sealed class ProductCollection : ICollectionFixture<Product>
{
    public const string Name = "the running product";
}
