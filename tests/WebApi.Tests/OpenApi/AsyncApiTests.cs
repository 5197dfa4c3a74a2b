using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using ChatCqrs.Application.Messages;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Accounts;
using ChatCqrs.WebApi.OpenApi;
using ChatCqrs.WebApi.Realtime;

namespace ChatCqrs.WebApi.Tests.OpenApi;

/// <summary>
/// The AsyncAPI document describes every frame with exactly the fields that the server reads and writes.
/// </summary>
public sealed partial class AsyncApiTests
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
    public void The_codes_of_errors_are_listed() => Assert.Equal(
        SocketErrors.Codes.Order(StringComparer.Ordinal),
        _document.GetProperty("components").GetProperty("schemas").GetProperty("Problem").GetProperty("properties")
            .GetProperty("code").GetProperty("enum").EnumerateArray().Select(code => code.GetString()!)
            .Order(StringComparer.Ordinal));

    [Fact]
    public async Task The_close_codes_are_those_of_the_reference()
    {
        var page = await File.ReadAllTextAsync(Repository.At("docs/reference/errors.md"));
        var described = CloseCode().Matches(page).Select(match => match.Groups[1].Value);
        var listed = _document.GetProperty("channels").GetProperty("socket").GetProperty("x-close-codes")
            .EnumerateArray().ToList();

        Assert.Equal(described, listed.Select(code => code.GetProperty("code").GetRawText()));
        Assert.All(listed, code => Assert.NotEmpty(code.GetProperty("meaning").GetString()!));
    }

    [Fact]
    public void Every_example_of_the_server_conforms() => Assert.All(
        _document.GetProperty("components").GetProperty("messages").EnumerateObject()
            .Where(message => message.Name.StartsWith("Server", StringComparison.Ordinal))
            .SelectMany(message => message.Value.GetProperty("examples").EnumerateArray()),
        example => Assert.Null(
            DescribedFrames.FaultOf(JsonSerializer.SerializeToUtf8Bytes(example.GetProperty("payload")))));

    [Theory]
    [InlineData("""{"op":"pong"}""")]
    [InlineData("""{"op":"pongs","id":1}""")]
    [InlineData("""{"op":"presence","user_id":"x","online":true,"last_seen":null}""")]
    [InlineData("""{"op":"ack","message_id":null,"conversation_id":null,"seq":"7","sent_at":"now"}""")]
    public void A_frame_that_is_not_described_is_found(string frame) =>
        Assert.NotNull(DescribedFrames.FaultOf(Encoding.UTF8.GetBytes(frame)));

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
        var payload = Payload(message);
        Assert.Equal(
            $"#/components/schemas/{name}Frame", message.GetProperty("payload").GetProperty("$ref").GetString());
        Assert.Equal(op, payload.GetProperty("properties").GetProperty("op").GetProperty("const").GetString());

        var example = message.GetProperty("examples")[0].GetProperty("payload").EnumerateObject()
            .Select(member => member.Name).ToList();
        Assert.Empty(example.Except(Fields(message)));
        var required = payload.GetProperty("required").EnumerateArray().Select(field => field.GetString());
        Assert.Empty(required.Except(example));
        return message;
    }

    [GeneratedRegex(@"^### (\d{4})$", RegexOptions.Multiline)]
    private static partial Regex CloseCode();

    /// <summary>A message's schema, which has a name.</summary>
    private JsonElement Payload(JsonElement message) => _document.GetProperty("components").GetProperty("schemas")
        .GetProperty(message.GetProperty("payload").GetProperty("$ref").GetString()!.Split('/')[^1]);

    private List<string> Fields(JsonElement message) =>
        [.. Payload(message).GetProperty("properties").EnumerateObject().Select(field => field.Name)];

    private static IEnumerable<string> FieldsOf(Type type) =>
        type.GetProperties().Select(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));
}
