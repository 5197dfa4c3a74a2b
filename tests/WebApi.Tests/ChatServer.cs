using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.OpenApi;
using Hangfire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace ChatCqrs.WebApi.Tests;

/// <summary>
/// The whole server as in Development, with its own port and database. It has no limits unless a subclass sets some.
/// </summary>
public class ChatServer : IAsyncLifetime
{
    private static readonly SharedHosts<Host> InUse = new();

    private readonly DescribedFrames _frames = new();
    private Host? _host;

    public HttpClient Http { get; private set; } = new();

    public IServiceProvider Services => _host!.App.Services;

    public NpgsqlDataSource Database => Services.GetRequiredService<NpgsqlDataSource>();

    /// <summary>The node whose database and keys this one shares; null for its own.</summary>
    public ChatServer? Beside { get; init; }

    /// <summary>The folder of Development's keys.</summary>
    public string DataFolder => _host!.DataFolder;

    /// <summary>Settings of this server, such as <c>RateLimits:Enabled</c>.</summary>
    protected virtual IEnumerable<(string Name, string Value)> Settings => [("RateLimits:Enabled", "false")];

    /// <summary>
    /// Whether classes that run at the same time, with the same settings, have one server. Tests of such a class stop
    /// nothing, and count only what is their own.
    /// </summary>
    protected virtual bool IsShared => false;

    private string Key => string.Join('\n', Settings.Select(setting => $"{setting.Name}={setting.Value}"));

    public async Task InitializeAsync()
    {
        _host = IsShared && Beside is null
            ? await InUse.TakeAsync(Key, () => Host.StartAsync(Settings, beside: null))
            : await Host.StartAsync(Settings, Beside?._host);
        Http = new HttpClient(new DescribedAnswers(Services)) { BaseAddress = _host.Address };
        await Eventually.IsTrue(async () => (await GetAsync("/health/ready")).Status == 200, "the server is ready");
    }

    public async Task DisposeAsync()
    {
        Http.Dispose();
        if (IsShared && Beside is null)
            await InUse.ReturnAsync(Key);
        else
            await _host!.DisposeAsync();
        _frames.Dispose();
        Assert.Empty(_frames.Faults);
    }

    /// <summary>Stops the server as SIGTERM does.</summary>
    public Task StopAsync() => _host!.App.StopAsync();

    /// <summary>Opens a socket.</summary>
    public async Task<ClientWebSocket> ConnectAsync(string token)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        await socket.ConnectAsync(
            new UriBuilder(Http.BaseAddress!) { Scheme = "ws", Path = "/v1/ws" }.Uri, _frames.Invoker,
            Eventually.Cancelled());
        return socket;
    }

    public Task<Answer> GetAsync(string path, string? token = null) => SendAsync(HttpMethod.Get, path, null, token);

    public Task<Answer> PostAsync(string path, object? body, string? token = null) =>
        SendAsync(HttpMethod.Post, path, body, token);

    public Task<Answer> PatchAsync(string path, object? body, string? token = null) =>
        SendAsync(HttpMethod.Patch, path, body, token);

    public Task<Answer> DeleteAsync(string path, string? token = null) =>
        SendAsync(HttpMethod.Delete, path, null, token);

    /// <param name="body">An object to send as JSON, content to send unchanged, or null for no body.</param>
    public async Task<Answer> SendAsync(HttpMethod method, string path, object? body, string? token)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Content = body as HttpContent ?? (body is null ? null : JsonContent.Create(body));
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await SendAsync(request);
    }

    public async Task<Answer> SendAsync(HttpRequestMessage request)
    {
        using var response = await Http.SendAsync(request);
        var bytes = await response.Content.ReadAsByteArrayAsync();
        return new Answer(
            (int)response.StatusCode, bytes.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(bytes),
            response.Headers,
            response.Content.Headers.ContentType?.MediaType);
    }

    /// <summary>A running server, with a database and a folder of keys: its own, or those of the node beside.</summary>
    private sealed class Host : IAsyncDisposable
    {
        private static readonly DatabaseTemplate Tables = new(PrepareAsync);

        private readonly Host? _beside;
        private readonly TestDatabase _database;

        private Host(TestDatabase database, Host? beside, IEnumerable<(string Name, string Value)> settings)
        {
            _beside = beside;
            _database = database;
            DataFolder = beside?.DataFolder ?? Directory.CreateTempSubdirectory("chatcqrs").FullName;
            App = Build(database.ConnectionString, DataFolder, settings);
        }

        public WebApplication App { get; }

        public string DataFolder { get; }

        public Uri Address => new(
            App.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

        public static async Task<Host> StartAsync(IEnumerable<(string Name, string Value)> settings, Host? beside)
        {
            var host = new Host(beside?._database ?? await Tables.CopyAsync(), beside, settings);
            await host.App.StartAsync();
            return host;
        }

        public async ValueTask DisposeAsync()
        {
            await App.StopAsync();
            await App.DisposeAsync();
            if (_beside is not null)
                return;
            await _database.DisposeAsync();
            Directory.Delete(DataFolder, recursive: true);
        }

        private static WebApplication Build(
            string database, string dataFolder, IEnumerable<(string Name, string Value)> settings)
        {
            (string Name, string Value)[] all =
            [
                ("environment", "Development"), ("urls", "http://127.0.0.1:0"),
                ("ConnectionStrings:Postgres", database), ("DataFolder", dataFolder),
                ("Logging:LogLevel:Default", "Error"), .. settings,
            ];
            return Program.Build([.. all.Select(setting => $"--{setting.Name}={setting.Value}")]);
        }

        /// <summary>Makes the tables of the server, and those of Hangfire, but none of the rows of a start.</summary>
        private static async Task PrepareAsync(string database)
        {
            var folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;
            await using (var app = Build(database, folder, []))
            {
                await app.Services.GetServices<IHostedService>().OfType<SchemaUpkeep>().Single().StartAsync(default);
                app.Services.GetRequiredService<JobStorage>();
            }

            Directory.Delete(folder, recursive: true);
        }
    }
}

/// <summary>The plain server of all classes that can share one.</summary>
public sealed class SharedServer : ChatServer
{
    protected override bool IsShared => true;
}

/// <summary>Two nodes on one log, without Redis between them.</summary>
public sealed class TwoServers : IAsyncLifetime
{
    public TwoServers() => Two = new ChatServer { Beside = One };

    public ChatServer One { get; } = new();

    public ChatServer Two { get; }

    public async Task InitializeAsync()
    {
        await One.InitializeAsync();
        await Two.InitializeAsync();
    }

    public async Task DisposeAsync()
    {
        await Two.DisposeAsync();
        await One.DisposeAsync();
    }
}

/// <summary>An answer of the server.</summary>
public sealed record Answer(int Status, JsonElement Body, HttpResponseHeaders Headers, string? MediaType)
{
    public JsonElement this[string name] => Body.GetProperty(name);

    public string Text(string name) => Body.GetProperty(name).GetString()!;

    public bool Has(string name) => Body.TryGetProperty(name, out _);

    /// <summary>Asserts that the answer is a complete problem.</summary>
    public Answer IsProblem(int status, string code)
    {
        Assert.Equal((status, code), (Status, Has("code") ? Text("code") : "(none)"));
        Assert.Equal("application/problem+json", MediaType);
        Assert.Equal(status, this["status"].GetInt32());
        Assert.All(new[] { "type", "title", "detail", "trace_id" }, name => Assert.NotEmpty(Text(name)));
        return this;
    }

    /// <summary>Asserts that it is a problem with one wrong field.</summary>
    public Answer IsInvalid(string field)
    {
        IsProblem(400, "invalid");
        Assert.Equal([field], this["errors"].EnumerateObject().Select(error => error.Name));
        return this;
    }

    public Answer Is(int status)
    {
        Assert.True(Status == status, $"Status {Status}, not {status}: {Body}");
        return this;
    }
}
