using System.IO.Pipelines;
using System.Net.Sockets;
using System.Net.WebSockets;
using ChatCqrs.Application.Messages;
using ChatCqrs.Domain;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Realtime;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>The close of sockets.</summary>
public sealed class GoodbyeTests(ChatServer server) : IClassFixture<ChatServer>
{
    /// <summary>A queue that is not written in this time belongs to a peer that does not read.</summary>
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_socket_that_closes_and_does_not_read_is_ended()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var sockets = server.Services.GetRequiredService<OpenSockets>();
        var user = new UserId(Guid.Parse(ben.User));
        using var socket = await ConnectWithoutRoomAsync(ben.Access);
        await Eventually.IsTrue(() => sockets.Of(user).Length == 1, "the server knows the socket");
        var connection = sockets.Of(user)[0];
        await Eventually.IsTrue(() => !connection.IsCatchingUp, "the socket has caught up");
        do
        {
            var text = new string('x', SendMessage.TextMax);
            var message = new { message_id = Guid.CreateVersion7(), receiver_id = ben.User, type = "text", text };
            (await server.PostAsync("/v1/messages", message, ann.Access)).Is(201);
        }
        while (await IsWrittenAsync(connection));

        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Eventually.Cancelled());

        await Eventually.IsTrue(() => sockets.Of(user).Length == 0, "the server has let go of the socket");
        await Assert.ThrowsAsync<WebSocketException>(() => ReadToTheEndAsync(socket)); // The queue was not written.
    }

    [Fact]
    public async Task Nothing_is_sent_after_the_answer_to_a_close_frame()
    {
        var wire = new MemoryStream();
        var goodbye = new MemoryStream();
        goodbye.Write([0x88, 0x80, 0, 0, 0, 0]);
        goodbye.Position = 0;
        using var socket = WebSocket.CreateFromStream(goodbye, new WebSocketCreationOptions { IsServer = true });
        var connection = new Connection(
            new UserId(Guid.CreateVersion7()), new DeviceId(Guid.CreateVersion7()), DateTimeOffset.MaxValue, socket,
            new Outbound(wire, TimeProvider.System), new Inbound(TimeProvider.System))
        {
            OnCatchUpNeeded = _ => { },
        };
        Assert.Equal(
            WebSocketMessageType.Close,
            (await socket.ReceiveAsync(new byte[16].AsMemory(), Eventually.Cancelled())).MessageType);

        await connection.AnswerCloseAsync();
        connection.Send(FrameWriter.Synced);
        connection.Hint(FrameWriter.Synced);

        await connection.Outbound.DrainedAsync();
        Assert.Equal(WebSocketState.Closed, socket.State);
        Assert.Empty(wire.ToArray());
    }

    [Fact]
    public async Task A_socket_that_opens_during_the_stop_is_closed_too()
    {
        var ann = await server.SignInAsync();
        var lifetime = new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance);
        var (ours, theirs) = Pipes();
        var opening = new OpeningSocket(ours, () =>
        {
            lifetime.StopApplication();
            var sockets = server.Services.GetRequiredService<OpenSockets>();
            return sockets.CloseAllAsync(CancellationToken.None); // The new socket is not registered yet.
        });
        var context = new DefaultHttpContext { Request = { Headers = { Authorization = $"Bearer {ann.Access}" } } };
        context.Features.Set(opening.Upgrade);
        context.Features.Set<IHttpWebSocketFeature>(opening);
        var gateway = ActivatorUtilities.CreateInstance<SocketGateway>(server.Services, lifetime);

        var handling = gateway.HandleAsync(context);

        using var socket = WebSocket.CreateFromStream(theirs, new WebSocketCreationOptions());
        await ReadToTheEndAsync(socket);
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, socket.CloseStatus);
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Eventually.Cancelled());
        await handling.WaitAsync(Eventually.Deadline);
    }

    private static async Task<bool> IsWrittenAsync(Connection connection)
    {
        try
        {
            await connection.Outbound.DrainedAsync().WaitAsync(Moment);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private async Task<ClientWebSocket> ConnectWithoutRoomAsync(string token)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellationToken) =>
            {
                var connection = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 8 * 1024 };
                await connection.ConnectAsync(context.DnsEndPoint, cancellationToken);
                return new NetworkStream(connection, ownsSocket: true);
            },
        };
        using var invoker = new HttpMessageInvoker(handler, disposeHandler: false);
        await socket.ConnectAsync(
            new UriBuilder(server.Http.BaseAddress!) { Scheme = "ws", Path = "/v1/ws" }.Uri, invoker,
            Eventually.Cancelled());
        return socket;
    }

    private static async Task ReadToTheEndAsync(WebSocket socket)
    {
        var buffer = new byte[64 * 1024];
        while ((await socket.ReceiveAsync(
            buffer.AsMemory(), Eventually.Cancelled())).MessageType != WebSocketMessageType.Close)
        {
        }
    }

    /// <summary>The two ends of a connection.</summary>
    private static (Stream One, Stream Other) Pipes()
    {
        var (there, back) = (new Pipe(), new Pipe());
        return (new Duplex(there.Reader.AsStream(), back.Writer.AsStream()), new Duplex(
            back.Reader.AsStream(), there.Writer.AsStream()));
    }

    private sealed class Duplex(Stream input, Stream output) : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            input.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            output.WriteAsync(buffer, cancellationToken);
    }

    /// <summary>Runs an action during the handshake.</summary>
    private sealed class OpeningSocket(Stream stream, Func<Task> meanwhile) : IHttpWebSocketFeature, IHttpUpgradeFeature
    {
        private UpgradeFeature? _upgrade;

        public UpgradeFeature Upgrade => _upgrade ??= new UpgradeFeature(this, null, TimeProvider.System);

        public bool IsWebSocketRequest => true;

        public bool IsUpgradableRequest => true;

        public Task<Stream> UpgradeAsync() => Task.FromResult(stream);

        public async Task<WebSocket> AcceptAsync(WebSocketAcceptContext context)
        {
            var upgraded = await Upgrade.UpgradeAsync();
            await meanwhile();
            return WebSocket.CreateFromStream(upgraded, new WebSocketCreationOptions { IsServer = true });
        }
    }
}
