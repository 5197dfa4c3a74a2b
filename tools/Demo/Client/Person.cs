using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;

namespace ChatCqrs.Demo.Client;

/// <summary>A user with a phone and a client on it.</summary>
public sealed class Person
{
    private readonly RestClient _rest;
    private readonly Uri _server;
    private readonly CancellationToken _interrupted;
    private readonly string _token;
    private Socket? _socket;

    private Person(
        RestClient rest, Uri server, string name, string phone, JsonElement session, CancellationToken interrupted)
    {
        (_rest, _server, Name, Phone, _interrupted) = (rest, server, name, phone, interrupted);
        Id = session.GetProperty("user_id").GetGuid();
        _token = session.GetProperty("access_token").GetString()!;
    }

    public string Name { get; }

    public string Phone { get; }

    public Guid Id { get; }

    public Socket Socket => _socket ?? throw new InvalidOperationException($"{Name} is offline.");

    public static async Task<Person> RegisterAsync(
        RestClient rest, Uri server, string name, CancellationToken interrupted)
    {
        var phone = NewPhone();
        var begun = (await rest.SendAsync(HttpMethod.Post, "/v1/registrations", new { phone, name })).Expect(202).Body;
        if (!begun.TryGetProperty("code", out var code) || code.ValueKind != JsonValueKind.String)
            throw new NotSeenException("the code: only Development settings answer a registration with it.");
        var done = await rest.SendAsync(
            HttpMethod.Post, $"/v1/registrations/{begun.GetProperty("registration_id").GetString()}/verification",
            new { code = code.GetString(), device = new { name = $"{name}'s console", platform = "cli" } });
        return new Person(rest, server, name, phone, done.Expect(200).Body, interrupted);
    }

    /// <summary>Full length, with an unassigned country code: repeated runs do not collide.</summary>
    public static string NewPhone()
    {
        var (first, second) = (
            RandomNumberGenerator.GetInt32(100_000, 1_000_000), RandomNumberGenerator.GetInt32(100_000, 1_000_000));
        return string.Create(CultureInfo.InvariantCulture, $"+999{first}{second}");
    }

    public Task<Answer> GetAsync(string path, string? after = null) =>
        _rest.SendAsync(HttpMethod.Get, path, token: _token, after: after);

    public Task<Answer> PostAsync(string path, object body) => _rest.SendAsync(HttpMethod.Post, path, body, _token);

    public Task<Answer> ChangeAsync(HttpMethod method, string path, object? body = null) =>
        _rest.SendAsync(method, path, body, _token);

    /// <summary>Opens the socket and waits for <c>welcome</c>.</summary>
    public async Task ComeOnlineAsync()
    {
        _socket = await Socket.ConnectAsync(_server, _token, _interrupted);
        await _socket.NextAsync("welcome", $"the welcome of {Name}");
    }

    public async Task GoOfflineAsync()
    {
        if (_socket is not null)
            await _socket.DisposeAsync();
        _socket = null;
    }

    /// <summary>Sends a message over the socket and waits for its <c>ack</c>.</summary>
    public async Task<Written> SayAsync(object receiver, string text, Guid? id = null)
    {
        var messageId = id ?? Guid.CreateVersion7();
        await Socket.SendAsync(
            new { op = "send", message_id = messageId, receiver_id = receiver, type = "text", text });
        var ack = await Socket.NextAsync("ack", $"the ack of “{text}”", frame => Is(frame, "message_id", messageId));
        return new Written(
            messageId, ack.GetProperty("conversation_id").GetGuid(), ack.GetProperty("seq").GetInt64(),
            ack.GetProperty("sent_at").GetString()!, text);
    }

    /// <summary>Takes the message's frame and checks its content.</summary>
    public async Task<JsonElement> GetMessageAsync(Written written)
    {
        var frame = await Socket.NextAsync(
            "message", $"“{written.Text}” at {Name}", frame => Is(frame, "message_id", written.MessageId));
        if (frame.GetProperty("text").GetString() != written.Text || frame.GetProperty("seq").GetInt64() != written.Seq)
            throw new NotSeenException($"“{written.Text}” as it was written: {frame}");
        return frame;
    }

    /// <summary>
    /// Acknowledges everything up to a seq; <paramref name="op"/> is <c>delivered</c> or <c>read</c>.
    /// </summary>
    public Task ConfirmAsync(string op, Guid conversation, long seq) =>
        Socket.SendAsync(new { op, conversation_id = conversation, seq });

    /// <summary>Waits for a receipt: a user holds, or has read, everything up to a seq.</summary>
    public Task<JsonElement> ReceiptAsync(Person of, Guid conversation, string watermark, long seq) =>
        ReceiptAsync(of.Id, of.Name, conversation, watermark, seq);

    /// <inheritdoc cref="ReceiptAsync(Person, Guid, string, long)"/>
    public Task<JsonElement> ReceiptAsync(
        Guid of, string name, Guid conversation, string watermark, long seq) => Socket.NextAsync(
        "receipt", $"{Name}'s receipt for {name} ({watermark} {seq})",
        frame => Is(frame, "conversation_id", conversation) && Is(frame, "user_id", of)
            && frame.GetProperty(watermark) is { ValueKind: JsonValueKind.Number } value && value.GetInt64() >= seq);

    /// <summary>Waits for an update of a conversation.</summary>
    public async Task<JsonElement> UpdateAsync(Guid conversation, string kind)
    {
        var frame = await Socket.NextAsync(
            "update", $"{kind} at {Name}",
            frame => Is(frame, "conversation_id", conversation) && frame.GetProperty("kind").GetString() == kind);
        return frame.GetProperty("data");
    }

    private static bool Is(JsonElement frame, string name, Guid id) => frame.GetProperty(name).GetGuid() == id;
}
