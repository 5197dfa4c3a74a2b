using System.Text.Json;
using ChatCqrs.Application.Messages;
using ChatCqrs.WebApi.Accounts;
using ChatCqrs.WebApi.OpenApi;
using ChatCqrs.WebApi.Realtime;

namespace ChatCqrs.WebApi.Tests.OpenApi;

/// <summary>
/// The AsyncAPI document describes every frame with exactly the fields that the server reads and writes.
/// </summary>
public sealed class AsyncApiTests
{
    private readonly JsonElement _document = JsonDocument.Parse(OpenApiConventions.AsyncApiDocument()).RootElement;

    public static TheoryData<string> FromClients =>
        ["send", "delivered", "read", "typing", "subscribe_presence", "sync", "ping", "authenticate"];

    public static TheoryData<string> FromServer =>
    [
        "welcome", "authenticated", "ack", "message", "update", "receipt", "typing", "presence", "synced", "reset",
        "pong", "error",
    ];

    /// <summary>The server's frames and their types.</summary>
    public static TheoryData<string, Type> Written => new()
    {
        { "welcome", typeof(WelcomeFrame) },
        { "authenticated", typeof(AuthenticatedFrame) },
        { "ack", typeof(AckFrame) },
        { "message", typeof(MessageView) },
        { "update", typeof(UpdateFrame) },
        { "receipt", typeof(ReceiptFrame) },
        { "typing", typeof(TypingFrame) },
        { "presence", typeof(PresenceFrame) },
        { "reset", typeof(ResetFrame) },
        { "pong", typeof(PongFrame) },
        { "error", typeof(ErrorFrame) },
    };

    [Theory]
    [MemberData(nameof(FromClients))]
    public void Every_frame_of_a_client_is_described(string op)
    {
        var message = Message("Client", op, "receiveFromClient");
        var known = typeof(ClientFrame).GetProperties()
            .Select(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));

        Assert.Empty(Fields(message).Except(known));
    }

    /// <summary>The kinds of <c>account</c> and their types.</summary>
    public static TheoryData<string, Type> Accounts => new()
    {
        { "settings_changed", typeof(SettingsChangedFrame) },
        { "block_changed", typeof(BlockChangedFrame) },
        { "device_changed", typeof(DeviceChangedFrame) },
        { "profile_changed", typeof(ProfileChangedFrame) },
    };

    [Theory]
    [MemberData(nameof(Accounts))]
    public void A_kind_of_account_has_the_fields_that_are_described(string kind, Type frame) => Assert.Equal(
        FieldsOf(frame).Order(StringComparer.Ordinal),
        Fields(Message("ServerAccount", kind, "sendToClient", "account")).Order(StringComparer.Ordinal));

    [Fact]
    public void A_device_is_described_as_it_is_listed() => Assert.Equal(
        FieldsOf(typeof(DeviceAnswer)).Order(StringComparer.Ordinal),
        _document.GetProperty("components").GetProperty("schemas").GetProperty("Device").GetProperty("required")
            .EnumerateArray().Select(field => field.GetString()).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(FromServer))]
    public void Every_frame_of_the_server_is_described(string op) => Message("Server", op, "sendToClient");

    [Theory]
    [MemberData(nameof(Written))]
    public void A_frame_has_the_fields_that_are_described(string op, Type frame) => Assert.Equal(
        FieldsOf(frame).Append("op").Distinct().Order(StringComparer.Ordinal),
        Fields(Message("Server", op, "sendToClient")).Order(StringComparer.Ordinal));

    [Fact]
    public void The_document_is_of_the_version_that_it_says()
    {
        Assert.Equal("3.0.0", _document.GetProperty("asyncapi").GetString());
        Assert.Equal(
            "/v1/ws", _document.GetProperty("channels").GetProperty("socket").GetProperty("address").GetString());
    }

    /// <summary>Gets a message, and asserts that channel and operation list it and that its example conforms.</summary>
    private JsonElement Message(string side, string name, string operation, string? frame = null)
    {
        var op = frame ?? name;
        name = side + string.Concat(name.Split('_').Select(part => char.ToUpperInvariant(part[0]) + part[1..]));
        var message = _document.GetProperty("components").GetProperty("messages").GetProperty(name);
        var channel = _document.GetProperty("channels").GetProperty("socket");
        Assert.True(channel.GetProperty("messages").TryGetProperty(name, out _));
        Assert.Contains(
            _document.GetProperty("operations").GetProperty(operation).GetProperty("messages").EnumerateArray(),
            reference => reference.GetProperty("$ref").GetString() == "#/channels/socket/messages/" + name);
        Assert.Equal(op, message.GetProperty("name").GetString());
        var payload = message.GetProperty("payload");
        Assert.Equal(op, payload.GetProperty("properties").GetProperty("op").GetProperty("const").GetString());

        var example = message.GetProperty("examples")[0].GetProperty("payload").EnumerateObject()
            .Select(member => member.Name).ToList();
        Assert.Empty(example.Except(Fields(message)));
        var required = payload.GetProperty("required").EnumerateArray().Select(field => field.GetString());
        Assert.Empty(required.Except(example));
        return message;
    }

    private static IEnumerable<string> FieldsOf(Type type) =>
        type.GetProperties().Select(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));

    private static List<string> Fields(JsonElement message) =>
        [.. message.GetProperty("payload").GetProperty("properties").EnumerateObject().Select(field => field.Name)];
}
