using System.Net.WebSockets;
using System.Text;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>A bad frame gets an <c>error</c> with a complete problem; the socket stays open.</summary>
public sealed class BadFrameSpecs(Product product) : IClassFixture<Product>
{
    private const int FrameMax = 512 * 1024;

    /// <summary>
    /// The test fills in placeholders such as {me}. An error repeats the frame's id, if any, as <c>ref</c>.
    /// </summary>
    private static readonly (string Frame, int[] Statuses)[] Bad =
    [
        ("", [400]),
        ("{", [400]),
        ("hello", [400]),
        ("null", [400]),
        ("[]", [400]),
        ("\"send\"", [400]),
        ("42", [400]),
        ("{}", [400]),
        ("""{"op":null}""", [400]),
        ("""{"op":7}""", [400]),
        ("""{"op":""}""", [400]),
        ("""{"op":"explode"}""", [400]),
        ("""{"op":"\ud800"}""", [400]),
        ("""{"op":"SELECT \u0000"}""", [400]),
        ("""{"op":"ping","id":"\ud800"}""", [400]),
        ("""{"op":"explode","id":"\ud800"}""", [400]),
        ("""{"op":"delivered","id":"\ud800"}""", [400]),
        ("""{"op":"sync","id":"\ud800"}""", [400]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{bob}","type":"text","ciphertext":"x","media_object":"\ud800"}""", [400]),
        ("""{"op":"ping","id":"1"} trailing""", [400]),
        ("""{"message_id":"{id}","receiver_id":"{bob}","type":"text","text":"x"}""", [400]),
        ("""{"op":"send"}""", [400]),
        ("""{"op":"send","message_id":"{id}"}""", [400]),
        ("""{"op":"send","message_id":"abc","receiver_id":"{bob}","type":"text","text":"x"}""", [400]),
        ("""{"op":"send","message_id":7,"receiver_id":"{bob}","type":"text","text":"x"}""", [400]),
        ("""{"op":"send","message_id":null,"receiver_id":"{bob}","type":"text","text":"x"}""", [400]),
        ("""{"op":"send","receiver_id":"{bob}","type":"text","text":"x"}""", [400]),
        ("""{"op":"send","message_id":"{id}","type":"text","text":"x"}""", [400]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{bob}","conversation_id":"{conversation}","type":"text","text":"x"}""", [400]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{id}","type":"text","text":"x"}""", [404]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{me}","type":"text","text":"x"}""", [400]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"\u0000","type":"text","text":"x"}""", [400, 404]),
        ("""{"op":"send","message_id":"{id}","receiver_id":["{bob}"],"type":"text","text":"x"}""", [400]),
        ("""{"op":"send","message_id":"{id}","conversation_id":"{id}","type":"text","text":"x"}""", [404]),
        ("""{"op":"send","message_id":"{id}","conversation_id":"12","type":"text","text":"x"}""", [400, 404]),
        ("""{"op":"send","message_id":"{id}","sender_id":"{bob}","receiver_id":"{bob}","type":"text","text":"x"}""", [403]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{bob}","text":"x"}""", [400]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{bob}","type":"telepathy","text":"x"}""", [400]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{bob}","type":"text"}""", [400]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{bob}","type":"text","text":""}""", [400]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{bob}","type":"text","text":5}""", [400]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{bob}","type":"text","text":"\ud83d"}""", [400]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{bob}","type":"text","text":"{65537}"}""", [400, 413]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{bob}","type":"text","ciphertext":"{cipher}"}""", [400, 413]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{bob}","type":"text","text":"x","reply_to":"that"}""", [400]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{bob}","type":"text","text":"x","text":"y"}""", [400]),
        ("""{"op":"send","message_id":"{id}","receiver_id":"{bob}","type":"text","text":"x","TEXT":"y"}""", [400]),
        ("""{"op":"delivered","id":"r1"}""", [400]),
        ("""{"op":"delivered","id":"r2","conversation_id":"{conversation}"}""", [400]),
        ("""{"op":"delivered","id":"r3","conversation_id":"{conversation}","seq":2}""", [400]),
        ("""{"op":"delivered","id":"r4","conversation_id":"{conversation}","seq":-1}""", [400]),
        ("""{"op":"delivered","id":"r5","conversation_id":"{conversation}","seq":"1"}""", [400]),
        ("""{"op":"delivered","id":"r6","conversation_id":"nowhere","seq":1}""", [400, 404]),
        ("""{"op":"read","id":"r7","conversation_id":"{conversation}","seq":99}""", [400]),
        ("""{"op":"read","id":"r8","conversation_id":"{conversation}","seq":1.5}""", [400]),
        ("""{"op":"read","id":"r9","conversation_id":"{id}","seq":1}""", [404]),
        ("""{"op":"read","id":"r10","conversation_id":"{conversation}","seq":99999999999999999999}""", [400]),
        ("""{"op":"sync","id":"s1"}""", [400]),
        ("""{"op":"sync","id":"s2","conversations":[]}""", [400]),
        ("""{"op":"sync","id":"s3","conversations":{"x":1}}""", [400, 404]),
        ("""{"op":"sync","id":"s4","conversations":{"{conversation}":"x"}}""", [400]),
        ("""{"op":"typing","id":"t1"}""", [400]),
        ("""{"op":"typing","id":"t2","conversation_id":"{conversation}","active":"yes"}""", [400]),
        ("""{"op":"subscribe_presence","id":"p1"}""", [400]),
        ("""{"op":"subscribe_presence","id":"p2","user_ids":"{bob}"}""", [400]),
        ("""{"op":"subscribe_presence","id":"p3","user_ids":["x"]}""", [400]),
        ("{DEEP}", [400]),
    ];

    [Fact]
    public async Task A_bad_frame_gets_a_problem_and_the_socket_stays_open()
    {
        var (ada, bob) = await product.PairAsync();
        var conversation = (await ada.SayAsync(bob, "a good one")).ConversationId;
        await using var socket = await bob.ConnectAsync();
        var wrong = new List<string>();
        foreach (var (template, statuses) in Bad)
        {
            var frame = Fill(template, bob, ada, conversation);
            var mark = socket.Mark();
            await socket.SendAsync(Encoding.UTF8.GetBytes(frame));
            var shown = template.Length > 200 ? template[..200] : template;
            var error = await socket.NextAsync(
                f => f.Op is "error" or "ack" or "synced", $"an answer to {shown}", mark);
            if (error.Op != "error")
            {
                wrong.Add($"{shown} was answered by {error.Raw}");
                continue;
            }
            var problem = error.Body.GetProperty("problem");
            var status = problem.GetProperty("status").GetInt32();
            Problems.Check(problem, status, error.Raw);
            if (!statuses.Contains(status)) wrong.Add($"{shown} -> {error.Raw}");
            if (RefOf(frame) is { } expected && error.Body.Text("ref") != expected)
                wrong.Add($"ref of {shown} -> {error.Raw}");
        }
        await socket.PingAsync();
        Assert.Empty(wrong);
        Assert.Equal(2, (await ada.TimelineAsync(conversation, 1)).Count);
        var message = (await ada.TimelineAsync(conversation))[1].Message!;
        Assert.Null((await ada.RecipientAsync(conversation, message.MessageId)).ReadAt);
        Assert.Equal(2, (await socket.SayAsync(Draft.In(conversation, "still here"))).Seq);
    }

    [Fact]
    public async Task A_binary_frame_is_refused_and_the_socket_stays_open()
    {
        var (ada, bob) = await product.PairAsync();
        await using var socket = await ada.ConnectAsync();
        await socket.SendAsync(Draft.To(bob.Id, "in bytes").AsFrameBytes(), WebSocketMessageType.Binary);
        var error = await socket.NextAsync("error");
        Problems.Check(error.Body.GetProperty("problem"), 400, error.Raw);
        await socket.PingAsync();
    }

    [Fact]
    public async Task Bytes_that_are_not_UTF_8_are_refused()
    {
        var (ada, bob) = await product.PairAsync();
        await using var socket = await ada.ConnectAsync();
        await socket.SendAsync([.. "{\"op\":\"ping\",\"id\":\""u8, 0xff, 0xfe, 0xc3, 0x28, .. "\"}"u8]);
        // RFC 6455, section 8.1, fails the connection. A server that looks only at the JSON may send an error instead.
        await Eventually.BeAsync(
            () => socket.IsClosed || socket.Frames().Any(f => f.Op == "error"), "an error or the end");
        if (socket.IsClosed) Assert.Equal(1007, socket.CloseCode);
        else await socket.PingAsync();
        await bob.ConnectAsync().ContinueWith(async open => await open.Result.DisposeAsync(), TaskScheduler.Default)
            .Unwrap();
    }

    [Fact]
    public async Task A_close_frame_is_answered_with_a_close_frame()
    {
        var socket = await (await product.RegisterAsync()).ConnectAsync();

        await socket.DisposeAsync(); // Sends a close frame and waits for the answer.

        Assert.Equal(1000, socket.CloseCode); // RFC 6455, section 5.5.1.
    }

    [Fact]
    public async Task A_frame_over_the_limit_closes_the_socket_with_1009()
    {
        var ada = await product.RegisterAsync();
        await using (var socket = await ada.ConnectAsync())
        {
            await socket.SendAsync(Padded(FrameMax + 1));
            Assert.Equal(1009, await socket.ClosedAsync());
        }
        await using (var pieces = await ada.ConnectAsync())
        {
            var piece = new byte[64 * 1024];
            Array.Fill(piece, (byte)' ');
            try
            {
                for (var i = 0; i <= FrameMax / piece.Length; i++) await pieces.SendAsync(piece, last: false);
            }
            catch (WebSocketException)
            {
                Assert.True(await pieces.ClosedAsync() is 1009); // The server closed while the client was sending.
            }
            Assert.Equal(1009, await pieces.ClosedAsync());
        }
        await using var exact = await ada.ConnectAsync();
        await exact.SendAsync(Padded(FrameMax));
        await exact.NextAsync("pong");
    }

    [Fact]
    public async Task A_frame_may_come_in_fragments()
    {
        var (ada, bob) = await product.PairAsync();
        await using var socket = await ada.ConnectAsync();
        var draft = Draft.To(bob.Id, "in three pieces, äöü 👍");
        var bytes = draft.AsFrameBytes();
        await socket.SendAsync(bytes[..10], last: false);
        await socket.SendAsync(bytes[10..^6], last: false);
        await socket.SendAsync(bytes[^6..]);
        await socket.AckAsync(draft.Id);
        var unread = await Eventually.GetAsync(() => bob.UnreadAsync(), unread => unread.Count == 1, "the message came");
        Assert.Equal("in three pieces, äöü 👍", Assert.Single(unread).Text);
    }

    [Fact]
    public async Task A_ping_is_answered_with_its_id()
    {
        var ada = await product.RegisterAsync();
        await using var socket = await ada.ConnectAsync();
        await socket.SendAsync("""{"op":"ping","id":"a-1"}""");
        await socket.NextAsync(f => f.Op == "pong" && f.Body.Text("id") == "a-1", "pong a-1");
        await socket.SendAsync("""{"id":"a-2","op":"ping"}""");
        await socket.NextAsync(f => f.Op == "pong" && f.Body.Text("id") == "a-2", "pong a-2");
        await socket.SendAsync("""{"op":"ping"}""");
        await Eventually.BeAsync(() => socket.Frames().Count(f => f.Op == "pong") == 3, "a pong without id");
    }

    private static byte[] Padded(int length)
    {
        var frame = Encoding.UTF8.GetBytes("""{"op":"ping","id":"big"}""");
        return [.. frame, .. Enumerable.Repeat((byte)' ', length - frame.Length)];
    }

    private static string? RefOf(string frame)
    {
        try
        {
            var body = Json.Parse(frame);
            return body.Text("message_id") ?? body.Text("id");
        }
        catch (Exception exception) when (exception is System.Text.Json.JsonException or InvalidOperationException)
        {
            return null; // Not JSON, or an id that is not a string: no ref is expected.
        }
    }

    private static string Fill(string template, Person me, Person other, Guid conversation) => template
        .Replace("{me}", me.Id.ToString(), StringComparison.Ordinal)
        .Replace("{bob}", other.Id.ToString(), StringComparison.Ordinal)
        .Replace("{id}", Guid.CreateVersion7().ToString(), StringComparison.Ordinal)
        .Replace("{conversation}", conversation.ToString(), StringComparison.Ordinal)
        .Replace("{65537}", new string('a', 65_537), StringComparison.Ordinal)
        .Replace("{cipher}", Convert.ToBase64String(new byte[256 * 1024 + 1]), StringComparison.Ordinal)
        .Replace(
            "{DEEP}",
            string.Concat(Enumerable.Repeat("{\"op\":", 2000)) + "1" + new string('}', 2000),
            StringComparison.Ordinal);
}
