using System.Net.WebSockets;
using System.Text;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Hosting;

/// <summary>A stopping server finishes its requests and closes its sockets.</summary>
public sealed class StopTests(ChatServer server) : IClassFixture<ChatServer>
{
    private const int Messages = 50;

    [Fact]
    public async Task Messages_under_way_are_answered_and_sockets_are_told_that_the_server_goes()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        using var socket = await server.ConnectAsync(ben.Access);
        var first = new TaskCompletionSource();
        var reading = ReadToEndAsync(socket, first);
        var sending = Enumerable.Range(0, Messages).Select(i => server.PostAsync(
            "/v1/messages",
            new { message_id = Guid.CreateVersion7(), receiver_id = ben.User, type = "text", text = $"message {i}" },
            ann.Access)).ToList();
        await first.Task.WaitAsync(Eventually.Deadline);

        await server.StopAsync().WaitAsync(Eventually.Deadline);

        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, await reading);
        var answers = await Task.WhenAll(sending.Select(OutcomeAsync));
        Assert.Contains(201, answers);
        Assert.DoesNotContain(500, answers);
        await Assert.ThrowsAsync<HttpRequestException>(() => server.GetAsync("/health/live"));
    }

    /// <summary>The status; 0 for a request that came after the server had stopped listening.</summary>
    private static async Task<int> OutcomeAsync(Task<Answer> request)
    {
        try
        {
            return (await request).Status;
        }
        catch (HttpRequestException)
        {
            return 0;
        }
    }

    /// <param name="first">Completes with the first message.</param>
    private static async Task<WebSocketCloseStatus?> ReadToEndAsync(ClientWebSocket socket, TaskCompletionSource first)
    {
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(), Eventually.Cancelled());
            if (received.MessageType != WebSocketMessageType.Close)
            {
                var text = Encoding.UTF8.GetString(buffer, 0, received.Count);
                if (text.Contains("\"op\":\"message\"", StringComparison.Ordinal))
                    first.TrySetResult();
                continue;
            }

            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Eventually.Cancelled());
            return socket.CloseStatus;
        }
    }
}
