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
    private static readonly DatabaseTemplate Tables = new(PrepareAsync);

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;
    private TestDatabase? _database;
    private readonly DescribedFrames _frames = new();
    private WebApplication? _app;

    public HttpClient Http { get; private set; } = new();

    public IServiceProvider Services => _app!.Services;

    public NpgsqlDataSource Database => Services.GetRequiredService<NpgsqlDataSource>();

    /// <summary>The node whose database and keys this one shares; null for its own.</summary>
    public ChatServer? Beside { get; init; }

    /// <summary>The folder of Development's keys.</summary>
    public string DataFolder => Beside?.DataFolder ?? _folder;

    /// <summary>Settings of this server, such as <c>RateLimits:Enabled</c>.</summary>
    protected virtual IEnumerable<(string Name, string Value)> Settings => [("RateLimits:Enabled", "false")];

    public async Task InitializeAsync()
    {
        _database = Beside?._database ?? await Tables.CopyAsync();
        _app = Build(_database.ConnectionString, DataFolder, Settings);
        await _app.StartAsync();
        var address = _app.Services.GetRequiredService<IServer>()
            .Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        Http = new HttpClient(new DescribedAnswers(_app.Services)) { BaseAddress = new Uri(address) };
        await Eventually.IsTrue(async () => (await GetAsync("/health/ready")).Status == 200, "the server is ready");
    }

    public async Task DisposeAsync()
    {
        Http.Dispose();
        await _app!.StopAsync();
        await _app.DisposeAsync();
        if (Beside is null)
            await _database!.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
        _frames.Dispose();
        Assert.Empty(_frames.Faults);
    }

    /// <summary>Stops the server as SIGTERM does.</summary>
    public Task StopAsync() => _app!.StopAsync();

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

    private static WebApplication Build(
        string database, string dataFolder, IEnumerable<(string Name, string Value)> settings)
    {
        (string Name, string Value)[] all =
        [
            ("environment", "Development"), ("urls", "http://127.0.0.1:0"), ("ConnectionStrings:Postgres", database),
            ("DataFolder", dataFolder), ("Logging:LogLevel:Default", "Error"), .. settings,
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
