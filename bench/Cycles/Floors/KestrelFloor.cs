using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Bench.Floors;

/// <summary>
/// The least that a server on Kestrel can do: it takes and sends the same frames as the product, but checks, decides
/// and stores nothing. The product cannot cost less.
/// </summary>
internal static class KestrelFloor
{
    public static async Task RunAsync(int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        var app = builder.Build();
        app.UseWebSockets();
        var peers = new ConcurrentDictionary<string, FloorPeer>();
        var others = new ConcurrentDictionary<string, string>();
        var conversations = new ConcurrentDictionary<Guid, FloorConversation>();

        app.MapGet("/health/ready", () => "ready");
        app.MapGet("/metrics", () => $"dotnet_gc_heap_total_allocated_bytes_total {GC.GetTotalAllocatedBytes()}\n");
        app.MapPost("/v1/registrations", () =>
            Results.Json(new { registration_id = Guid.CreateVersion7(), code = "000000" }, statusCode: 202));
        app.MapPost("/v1/registrations/{id}/verification", () =>
        {
            var user = Guid.CreateVersion7();
            return Results.Json(new { user_id = user, device_id = user, access_token = user.ToString() });
        });
        app.MapPost("/v1/conversations", (NewConversation body, HttpRequest request) =>
        {
            var id = Guid.CreateVersion7();
            var (a, b) = (UserOf(request), body.Members[0].ToString());
            (others[a], others[b]) = (b, a);
            conversations[id] = new FloorConversation(a, b);
            return Results.Json(new { conversation_id = id }, statusCode: 201);
        });
        app.MapGet("/v1/ws", async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            var user = UserOf(context.Request);
            var peer = peers[user] = new FloorPeer(socket, user, conversations, peers);
            await peer.RunAsync(context.RequestAborted);
            peers.TryRemove(user, out _);
        });
        await app.RunAsync();
    }

    private static string UserOf(HttpRequest request) => request.Headers.Authorization.ToString()["Bearer ".Length..];

    private sealed record NewConversation([property: JsonPropertyName("member_ids")] Guid[] Members);
}
