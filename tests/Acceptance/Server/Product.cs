using ChatCqrs.Acceptance.Client;

namespace ChatCqrs.Acceptance.Server;

/// <summary>
/// The server that most classes share at the same time: the one at <c>CHATCQRS_URL</c>, or one that the first of them
/// starts and the last of them ends.
/// </summary>
public sealed class Product : IAsyncLifetime
{
    private static readonly SemaphoreSlim Turn = new(1, 1);
    private static int _users;
    private static Deployment? _deployment;
    private static ServerProcess? _server;

    private ChatApi? _api;

    public ChatApi Api => _api!;

    public async Task InitializeAsync()
    {
        if (Surroundings.Url is { } url)
        {
            _api = new ChatApi(new Uri(url));
            return;
        }

        await Turn.WaitAsync();
        try
        {
            _deployment ??= await Deployment.CreateAsync();
            _server ??= await ServerProcess.StartAsync(_deployment);
            _users++;
        }
        finally
        {
            Turn.Release();
        }

        _api = new ChatApi(_server.Address);
    }

    public Task<Person> RegisterAsync(string name = "Ada") => Person.RegisterAsync(Api, name: name);

    public async Task<(Person Ada, Person Bob)> PairAsync() => (await RegisterAsync("Ada"), await RegisterAsync("Bob"));

    public async Task DisposeAsync()
    {
        _api?.Dispose();
        if (Surroundings.Url is not null) return;
        await Turn.WaitAsync();
        try
        {
            if (--_users > 0) return;
            if (_server is not null) await _server.DisposeAsync();
            if (_deployment is not null) await _deployment.DisposeAsync();
            (_server, _deployment) = (null, null);
        }
        finally
        {
            Turn.Release();
        }
    }
}
