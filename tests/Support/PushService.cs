using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Testing;

/// <summary>A request to a push service.</summary>
public sealed record Pushed(
    string Method, string Path, string Protocol, IReadOnlyDictionary<string, string> Headers, byte[] Body,
    DateTimeOffset At);

/// <summary>A push service that records its requests and answers as the test says.</summary>
public sealed class PushService : IAsyncDisposable
{
    private readonly WebApplication _app;

    private PushService(WebApplication app) => _app = app;

    public Uri Address { get; private set; } = null!;

    public ConcurrentQueue<Pushed> Requests { get; } = new();

    /// <summary>Answers a request; with 201 by default.</summary>
    public Func<Pushed, HttpResponse, Task> Answer { get; set; } = (_, response) =>
    {
        response.StatusCode = StatusCodes.Status201Created;
        return Task.CompletedTask;
    };

    public static async Task<PushService> StartAsync(HttpProtocols protocols = HttpProtocols.Http1)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(System.Net.IPAddress.Loopback, 0, listen => listen.Protocols = protocols));
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var service = new PushService(app);
        app.Run(service.HandleAsync);
        await app.StartAsync();
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        service.Address = new Uri(addresses.Single());
        return service;
    }

    public IReadOnlyList<Pushed> To(string path) => [.. Requests.Where(request => request.Path == path)];

    public async Task<Pushed> NextAsync(string path, int index = 0)
    {
        await Eventually.IsTrue(() => To(path).Count > index, $"push {index} to {path}");
        return To(path)[index];
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task HandleAsync(HttpContext context)
    {
        var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        var pushed = new Pushed(
            context.Request.Method, context.Request.Path, context.Request.Protocol,
            context.Request.Headers.ToDictionary(
                header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            body.ToArray(), TimeProvider.System.GetUtcNow());
        Requests.Enqueue(pushed);
        await Answer(pushed, context.Response);
    }
}
