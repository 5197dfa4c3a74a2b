using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Messages;

/// <summary>Whatever a message carries can be shown everywhere, and is one value however it is spelled.</summary>
public sealed class AttachmentTests(SharedServer server) : IClassFixture<SharedServer>, IAsyncLifetime
{
    /// <summary>The deepest attachment that earlier versions took.</summary>
    private const int FormerLevels = 31;

    private Tokens _ann = null!, _ben = null!;

    public async Task InitializeAsync()
    {
        _ann = await server.SignInAsync();
        _ben = await server.SignInAsync();
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Theory]
    [InlineData("media_object", "image")]
    [InlineData("document", "document")]
    public async Task An_attachment_has_eight_levels_at_most(string field, string type)
    {
        (await SendAsync(Guid.CreateVersion7(), type, field, Nested(8))).Is(201);
        (await SendAsync(Guid.CreateVersion7(), type, field, Nested(9))).IsInvalid(field);
        (await SendAsync(Guid.CreateVersion7(), type, field, Nested(1000))).IsProblem(400, "malformed_json");
        using var socket = await server.ConnectAsync(_ann.Access);
        await NextAsync(socket, "welcome");
        await socket.SendAsync(
            Encoding.UTF8.GetBytes(
                $$"""
                {"op":"send","message_id":"{{Guid.CreateVersion7()}}","receiver_id":"{{_ben.User}}","type":"{{type}}",
                 "{{field}}":{{Nested(9)}}}
                """),
            WebSocketMessageType.Text, true, Eventually.Cancelled());
        Assert.Equal(400, (await NextAsync(socket, "error")).GetProperty("problem").GetProperty("status").GetInt32());
    }

    [Theory]
    [InlineData(8)]
    [InlineData(FormerLevels)]
    public async Task What_is_stored_is_shown_at_its_deepest_place_over_every_way(int levels)
    {
        var deep = JsonSerializer.Deserialize<JsonElement>(Nested(levels));
        var message = Guid.CreateVersion7();
        var sent = await StoreAsync(new SendMessage.Body
        {
            MessageId = message.ToString(),
            ReceiverId = _ben.User,
            Type = "contact",
            MediaObject = deep,
            Document = deep,
        });
        var conversation = $"/v1/conversations/{sent.Conversation.Value}";

        string[] ways =
        [
            "/v1/conversations", conversation, "/v1/messages", conversation + "/messages", conversation + "/timeline",
            $"{conversation}/messages/{message}", "/v1/users/me/export",
        ];
        foreach (var way in ways)
        {
            var shown = (await server.GetAsync(way, _ben.Access)).Is(200);
            Assert.Contains(Nested(levels), shown.Body.GetRawText(), StringComparison.Ordinal);
        }

        using var socket = await server.ConnectAsync(_ben.Access);
        Assert.Equal(Nested(levels), (await NextAsync(socket, "message")).GetProperty("media_object").GetRawText());
        (await server.DeleteAsync($"{conversation}/messages/{message}", _ann.Access)).Is(204);
    }

    [Theory]
    [InlineData("""{"a":1,"b":[1,2]}""", """{ "b" : [1, 2], "a" : 1.0 }""", true)]
    [InlineData("""{"a":"\u00e9\/"}""", """{"a":"é/"}""", true)]
    [InlineData("""{"a":{"b":1,"c":2}}""", """{"a":{"c":2,"b":1}}""", true)]
    [InlineData("""{"a":1}""", """{"a":2}""", false)]
    [InlineData("""{"a":[1,2]}""", """{"a":[2,1]}""", false)]
    [InlineData("""{"a":9007199254740992}""", """{"a":9007199254740993}""", false)]
    [InlineData("""{"a":1}""", """{"a":"1"}""", false)]
    [InlineData("""{"a":null}""", """{}""", false)]
    public async Task A_retry_is_the_same_value_however_it_is_spelled(string one, string other, bool isSame)
    {
        foreach (var (field, type) in new[] { ("media_object", "image"), ("document", "document") })
        {
            var message = Guid.CreateVersion7();
            var first = (await SendAsync(message, type, field, one)).Is(201);
            (await SendAsync(message, type, field, one)).Is(200);

            var again = await SendAsync(message, type, field, other);

            if (isSame)
                Assert.Equal(first["seq"].GetInt64(), again.Is(200)["seq"].GetInt64());
            else
                again.IsProblem(409, "message_id_reused");
        }
    }

    [Fact]
    public async Task A_retry_of_what_an_earlier_version_stored_is_recognised()
    {
        const string attachment = """{"b":2.50,"a":1}""";
        var conversation = (await SendAsync(Guid.CreateVersion7(), "image", "media_object", "{}")).Is(201)
            .Text("conversation_id");
        var message = Guid.CreateVersion7();
        await StoreAsFormerlyAsync(conversation, message, JsonSerializer.Deserialize<JsonElement>(attachment));

        (await SendAsync(message, "image", "media_object", attachment)).Is(200);
        (await SendAsync(message, "image", "media_object", """{"b":2.51,"a":1}""")).IsProblem(409, "message_id_reused");
    }

    [Theory]
    [InlineData("location", """{"latitude":91,"longitude":0}""", "media_object")]
    [InlineData("location", "null", "media_object")]
    [InlineData("poll", """{"options":["Yes"]}""", "media_object")]
    [InlineData("image", """{"width":-1}""", "media_object")]
    [InlineData("document", """{"size":"large"}""", "document")]
    public async Task What_is_described_is_checked(string type, string attachment, string field)
    {
        var body = $$"""
            {"message_id":"{{Guid.CreateVersion7()}}","receiver_id":"{{_ben.User}}","type":"{{type}}","text":"here",
             "{{field}}":{{attachment}}}
            """;
        var content = new StringContent(body, Encoding.UTF8, "application/json");

        (await server.PostAsync("/v1/messages", content, _ann.Access)).IsInvalid(field);
    }

    [Fact]
    public async Task A_poll_has_a_question()
    {
        const string options = """{"options":["Yes","No"]}""";

        (await SendAsync(Guid.CreateVersion7(), "poll", "media_object", options)).IsInvalid("text");
    }

    [Fact]
    public async Task A_name_stands_once_in_an_object() => (await SendAsync(
        Guid.CreateVersion7(), "image", "media_object", """{"a":{"b":1,"b":2}}""")).IsProblem(400, "malformed_json");

    private async Task<Answer> SendAsync(Guid message, string type, string field, string attachment) =>
        await server.PostAsync(
            "/v1/messages",
            new StringContent(
                $$"""
                {"message_id":"{{message}}","receiver_id":"{{_ben.User}}","type":"{{type}}","{{field}}":{{attachment}}}
                """,
                Encoding.UTF8, "application/json"),
            _ann.Access);

    /// <summary>Stores a message past the validation, as an earlier version did.</summary>
    private Task<Sent> StoreAsync(SendMessage.Body body)
    {
        var device = new DeviceId(Guid.Parse(_ann.Device));
        return server.Services.GetRequiredService<IRequestHandler<SendMessage.Command, Sent>>().Handle(
            new SendMessage.Command(new UserId(Guid.Parse(_ann.User)), device, body), CancellationToken.None);
    }

    /// <summary>Stores an image whose fingerprint is over the attachment as it is spelled.</summary>
    private async Task StoreAsFormerlyAsync(string conversation, Guid message, JsonElement attachment)
    {
        var sealer = server.Services.GetRequiredService<IContentSealer>();
        var (id, ann) = (new ConversationId(Guid.Parse(conversation)), new UserId(Guid.Parse(_ann.User)));
        var device = new DeviceId(Guid.Parse(_ann.Device));
        var bytes = new MessageContent { MediaObject = attachment }.ToBytes();
        var command = new ConversationCommand.SendMessage(
            new MessageId(message), ann, device, MessageType.Image,
            await sealer.SealAsync(new SealScope(null, ann, id, new MessageId(message)), bytes, CancellationToken.None),
            await sealer.FingerprintAsync(
                ann, MessageContent.Identity(MessageType.Image, null, bytes), CancellationToken.None),
            ReplyTo: null, ExpiresAt: null);
        await server.Services.GetRequiredService<IConversationWriter>().SendAsync(
            id, command, new Origin(new Actor(ann, device), null, null), CancellationToken.None);
    }

    private static async Task<JsonElement> NextAsync(ClientWebSocket socket, string op)
    {
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var size = 0;
            ValueWebSocketReceiveResult received;
            do
            {
                received = await socket.ReceiveAsync(buffer.AsMemory(size), Eventually.Cancelled());
                size += received.Count;
            }
            while (!received.EndOfMessage);
            var frame = JsonSerializer.Deserialize<JsonElement>(buffer.AsSpan(0, size));
            if (frame.GetProperty("op").GetString() == op)
                return frame;
        }
    }

    private static string Nested(int levels) =>
        string.Concat(Enumerable.Repeat("{\"a\":", levels - 1)) + "{}" + new string('}', levels - 1);
}
