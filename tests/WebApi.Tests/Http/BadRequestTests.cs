using System.Net.Http.Headers;
using System.Text;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Http;

/// <summary>A server with users who are signed in.</summary>
public sealed class SignedInServer : ChatServer, IAsyncLifetime
{
    protected override bool IsShared => true;

    public Tokens Ann { get; private set; } = null!;
    public Tokens Ben { get; private set; } = null!;
    public string Conversation { get; private set; } = "";

    async Task IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        Ann = await this.SignInAsync();
        Ben = await this.SignInAsync();
        var sent = await PostAsync(
            "/v1/messages",
            new { message_id = Guid.CreateVersion7(), receiver_id = Ben.User, type = "text", text = "the first" },
            Ann.Access);
        Conversation = sent.Is(201).Text("conversation_id");
    }
}

/// <summary>Every bad request gets a stable code that states the fault, and never a 5xx.</summary>
public sealed class BadRequestTests(SignedInServer server) : IClassFixture<SignedInServer>
{
    private const string Json = "application/json";
    private const string Good = """{"message_id":"{new}","receiver_id":"{ben}","type":"text","text":"hello"}""";

    /// <summary>Content that must never be in an answer.</summary>
    private const string Secret = "b4n4n4-s3cr3t";

    public static TheoryData<string, string, int, string> Bodies => new()
    {
        { "nothing", "", 400, "malformed_request" },
        { "no JSON", "hello", 400, "malformed_json" },
        { "half an object", """{"message_id":""", 400, "malformed_json" },
        { "null", "null", 400, "malformed_request" },
        { "an array", "[]", 400, "malformed_json" },
        { "a text", "\"" + Secret + "\"", 400, "malformed_json" },
        { "a comment", "/* " + Secret + " */ {}", 400, "malformed_json" },
        { "a trailing comma", """{"type":"text",}""", 400, "malformed_json" },
        { "two objects", "{}{}", 400, "malformed_json" },
        { "an empty object", "{}", 400, "invalid" },
        { "a number for a text", """{"message_id":"{new}","receiver_id":"{ben}","type":"text","text":1}""", 400, "malformed_json" },
        { "an object for a text", """{"message_id":"{new}","receiver_id":"{ben}","type":"text","text":{"x":1}}""", 400, "malformed_json" },
        { "a text for a number", """{"message_id":"{new}","receiver_id":"{ben}","type":"text","text":"x","epoch":"1"}""", 400, "malformed_json" },
        { "a huge number", """{"message_id":"{new}","receiver_id":"{ben}","type":"text","text":"x","epoch":1e999}""", 400, "malformed_json" },
        { "a long number", """{"message_id":"{new}","receiver_id":"{ben}","type":"text","text":"x","epoch":99999999999999999999}""", 400, "malformed_json" },
        { "a name twice", """{"message_id":"{new}","receiver_id":"{ben}","type":"text","text":"a","text":"b"}""", 400, "malformed_json" },
        { "a name twice, but for case", """{"message_id":"{new}","message_ID":"{new}","receiver_id":"{ben}","type":"text","text":"b"}""", 400, "malformed_json" },
        { "half a surrogate", """{"message_id":"{new}","receiver_id":"{ben}","type":"text","text":"\ud83d"}""", 400, "malformed_json" },
        { "the other half", """{"message_id":"{new}","receiver_id":"{ben}","type":"text","text":"\ude00x"}""", 400, "malformed_json" },
        { "half a surrogate, deep", """{"message_id":"{new}","receiver_id":"{ben}","type":"image","media_object":{"a":["\ud83d"]}}""", 400, "malformed_json" },
        { "half a surrogate in a name", """{"message_id":"{new}","receiver_id":"{ben}","type":"image","media_object":{"\ud83d":1}}""", 400, "malformed_json" },
        { "nesting", Nested(100), 400, "malformed_json" },
        { "endless nesting", new string('[', 100_000), 400, "malformed_json" },
        { "no id", """{"receiver_id":"{ben}","type":"text","text":"x"}""", 400, "invalid" },
        { "an id that is none", """{"message_id":"1","receiver_id":"{ben}","type":"text","text":"x"}""", 400, "invalid" },
        { "an id with NUL", """{"message_id":"\u0000","receiver_id":"{ben}","type":"text","text":"x"}""", 400, "invalid" },
        { "an id in braces", """{"message_id":"{0198c2a5-1000-7000-8000-0000000000c3}","receiver_id":"{ben}","type":"text","text":"x"}""", 400, "invalid" },
        {
            "an id after a space",
            """{"message_id":" {new}","receiver_id":"{ben}","type":"text","text":"x"}""", 400, "invalid"
        },
        {
            "an id before a line break",
            """{"message_id":"{new}\n","receiver_id":"{ben}","type":"text","text":"x"}""", 400, "invalid"
        },
        {
            "a receiver after a space",
            """{"message_id":"{new}","receiver_id":" {ben}","type":"text","text":"x"}""", 400, "invalid"
        },
        {
            "a conversation after a space",
            """{"message_id":"{new}","conversation_id":" {conversation}","type":"text","text":"x"}""", 400, "invalid"
        },
        {
            "a sender before a tab",
            """{"message_id":"{new}","sender_id":"{ann}\t","receiver_id":"{ben}","type":"text","text":"x"}""",
            400, "invalid"
        },
        {
            "a reply to an id in spaces",
            """{"message_id":"{new}","receiver_id":"{ben}","type":"text","text":"x","reply_to":" {new} "}""",
            400, "invalid"
        },
        { "the empty id", """{"message_id":"00000000-0000-0000-0000-000000000000","receiver_id":"{ben}","type":"text","text":"x"}""", 400, "invalid" },
        { "no receiver", """{"message_id":"{new}","type":"text","text":"x"}""", 400, "invalid" },
        { "two receivers", """{"message_id":"{new}","receiver_id":"{ben}","conversation_id":"{conversation}","type":"text","text":"x"}""", 400, "invalid" },
        { "a receiver with NUL", """{"message_id":"{new}","receiver_id":"+1202\u0000555","type":"text","text":"x"}""", 400, "invalid" },
        { "an unknown receiver", """{"message_id":"{new}","receiver_id":"{new}","type":"text","text":"x"}""", 404, "user_unknown" },
        { "an unknown phone", """{"message_id":"{new}","receiver_id":"+12025550000","type":"text","text":"x"}""", 404, "user_unknown" },
        { "an unknown conversation", """{"message_id":"{new}","conversation_id":"{new}","type":"text","text":"x"}""", 404, "conversation_unknown" },
        { "oneself", """{"message_id":"{new}","receiver_id":"{ann}","type":"text","text":"x"}""", 400, "direct_with_oneself" },
        { "in another's name", """{"message_id":"{new}","sender_id":"{ben}","receiver_id":"{ben}","type":"text","text":"x"}""", 403, "sender_mismatch" },
        { "no type", """{"message_id":"{new}","receiver_id":"{ben}","text":"x"}""", 400, "invalid" },
        { "an unknown type", """{"message_id":"{new}","receiver_id":"{ben}","type":"smell","text":"x"}""", 400, "invalid" },
        { "no text", """{"message_id":"{new}","receiver_id":"{ben}","type":"text"}""", 400, "invalid" },
        { "an empty text", """{"message_id":"{new}","receiver_id":"{ben}","type":"text","text":""}""", 400, "invalid" },
        { "a long text", """{"message_id":"{new}","receiver_id":"{ben}","type":"text","text":"{long}"}""", 400, "invalid" },
    };

    public static TheoryData<string, string, int, string> Addresses => new()
    {
        { "GET", "/nothing", 404, "not_found" },
        { "GET", "/v1", 404, "not_found" },
        { "GET", "/v2/messages", 404, "not_found" },
        { "PUT", "/v1/messages", 405, "method_not_allowed" },
        { "BREW", "/v1/messages", 405, "method_not_allowed" },
        { "GET", "/v1/conversations/x", 404, "conversation_unknown" },
        { "GET", "/v1/conversations/{new}", 404, "conversation_unknown" },
        { "GET", "/v1/conversations/{{conversation}}/timeline", 404, "conversation_unknown" },
        { "GET", "/v1/conversations/{conversation}/messages/x", 404, "message_unknown" },
        { "GET", "/v1/conversations/{conversation}/messages/{new}", 404, "message_unknown" },
        { "GET", "/v1/conversations/{conversation}/messages/{new}/receipts", 404, "message_unknown" },
        { "GET", "/v1/conversations/%ff/timeline", 404, "conversation_unknown" },
        { "GET", "/v1/conversations/%00/timeline", 400, "malformed_request" },
        { "GET", "/v1/conversations?limit=0", 400, "invalid" },
        { "GET", "/v1/conversations?limit=201", 400, "invalid" },
        { "GET", "/v1/conversations?limit=ten", 400, "invalid" },
        { "GET", "/v1/conversations?limit=1.5", 400, "invalid" },
        { "GET", "/v1/conversations?limit=", 400, "invalid" },
        { "GET", "/v1/conversations?limit=1&limit=2", 400, "invalid" },
        { "GET", "/v1/conversations?LIMIT=0", 400, "invalid" },
        { "GET", "/v1/conversations?limit=99999999999999999999", 400, "invalid" },
        { "GET", "/v1/conversations?limit=4294967297", 400, "invalid" },
        { "GET", "/v1/conversations?cursor=rubbish!", 400, "invalid_cursor" },
        { "GET", "/v1/conversations?cursor=%00", 400, "invalid_cursor" },
        { "GET", "/v1/conversations?cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5fHg", 400, "invalid_cursor" },
        { "GET", "/v1/messages?cursor=eHx5", 400, "invalid_cursor" },
        { "GET", "/v1/messages?user_id=x", 400, "invalid" },
        { "GET", "/v1/messages?user_id=%20{ann}", 400, "invalid" },
        { "GET", "/v1/media/download?file_id={new}%20", 400, "invalid" },
        { "GET", "/v1/conversations/%20{conversation}", 404, "conversation_unknown" },
        { "GET", "/v1/messages?user_ID={ben}", 403, "not_the_caller" },
        { "GET", "/messages?user_id={ben}", 403, "not_the_caller" },
        { "GET", "/v1/conversations/{conversation}/messages?before_seq=x", 400, "invalid" },
        { "GET", "/v1/conversations/{conversation}/messages?before_seq=-1", 400, "invalid" },
        { "GET", "/v1/conversations/{conversation}/timeline?after_seq=-2", 400, "invalid" },
        { "GET", "/v1/conversations/{conversation}/timeline?after_seq=1e3", 400, "invalid" },
        { "GET", "/v1/conversations?cursor={10000}", 414, "uri_too_long" },
        { "GET", "/v1/admin/projections", 403, "forbidden" },
        { "POST", "/v1/admin/projections/inbox/rebuild", 403, "forbidden" },
    };

    public static TheoryData<string, int, string> ContentTypes => new()
    {
        { "text/plain", 415, "unsupported_media_type" },
        { "application/x-www-form-urlencoded", 415, "unsupported_media_type" },
        { "application/json; charset=utf-16", 415, "unsupported_media_type" },
        { "application/json; charset=klingon", 415, "unsupported_media_type" },
        { "application/json; charset=\"utf-16\"", 415, "unsupported_media_type" },
        { "application/json; charset=\"\"", 415, "unsupported_media_type" },
        { "application/json; charset=", 415, "unsupported_media_type" },
        { "application/json; charset=\"utf-8", 415, "unsupported_media_type" },
        { "", 415, "unsupported_media_type" },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_body_that_is_wrong_is_refused(string what, string body, int status, string code)
    {
        var answer = await server.PostAsync(
            "/v1/messages", new StringContent(Fill(body), Encoding.UTF8, Json), server.Ann.Access);

        answer.IsProblem(status, code);
        Assert.DoesNotContain(Secret, answer.Body.GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain("System.", answer.Body.GetRawText(), StringComparison.Ordinal);
        Assert.NotEmpty(what);
    }

    [Theory]
    [MemberData(nameof(Addresses))]
    public async Task An_address_that_is_wrong_is_refused(string method, string path, int status, string code)
    {
        var answer = await server.SendAsync(new HttpMethod(method), Fill(path), body: null, server.Ann.Access);

        answer.IsProblem(status, code);
        Assert.Equal(["nosniff"], answer.Headers.GetValues("X-Content-Type-Options"));
    }

    [Theory]
    [MemberData(nameof(ContentTypes))]
    public async Task A_body_that_is_no_JSON_in_UTF_8_is_refused(string type, int status, string code)
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(Fill(Good)));
        if (type.Length > 0)
            content.Headers.TryAddWithoutValidation("Content-Type", type);

        (await server.PostAsync("/v1/messages", content, server.Ann.Access)).IsProblem(status, code);
    }

    [Theory]
    [InlineData("application/json; charset=\"utf-8\"")]
    [InlineData("application/json;charset=\"UTF-8\"")]
    [InlineData("application/json; charset=\"u\\tf-8\"; q=\"x\"")]
    [InlineData("application/merge-patch+json; charset=\"utf-8\"")]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("application/json")]
    public async Task A_charset_may_be_quoted(string type)
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(Fill(Good)));
        content.Headers.TryAddWithoutValidation("Content-Type", type);

        (await server.PostAsync("/v1/messages", content, server.Ann.Access)).Is(201);
    }

    [Fact]
    public async Task Bytes_that_are_no_UTF_8_are_refused()
    {
        var bytes = Encoding.Latin1.GetBytes(Fill(Good).Replace("hello", "h\u00ffllo", StringComparison.Ordinal));
        var content = new ByteArrayContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue(Json) } };

        (await server.PostAsync("/v1/messages", content, server.Ann.Access)).IsProblem(400, "malformed_json");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_that_is_too_large_is_refused_and_the_sender_sees_why(bool chunked)
    {
        var body = Encoding.UTF8.GetBytes("{\"text\":\"" + new string('x', 4 * 1024 * 1024) + "\"}");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages")
        {
            Content = chunked ? new StreamContent(new MemoryStream(body)) : new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(Json);
        request.Headers.TransferEncodingChunked = chunked;
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", server.Ann.Access);

        using var response = await server.Http.SendAsync(request);

        Assert.Equal(413, (int)response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
    }

    [Theory]
    [InlineData("""{}""", 400, "invalid")]
    [InlineData("""{"delivered_seq":-1}""", 400, "invalid")]
    [InlineData("""{"read_seq":2}""", 400, "seq_beyond_end")]
    [InlineData("""{"delivered_seq":"1"}""", 400, "malformed_json")]
    [InlineData("""{"delivered_seq":1.5}""", 400, "malformed_json")]
    [InlineData("""{"read_seq":9223372036854775807}""", 400, "seq_beyond_end")]
    public async Task A_receipt_that_is_wrong_is_refused(string body, int status, string code) =>
        (await server.PostAsync(
            $"/v1/conversations/{server.Conversation}/receipts", new StringContent(body, Encoding.UTF8, Json),
            server.Ben.Access)).IsProblem(status, code);

    [Theory]
    [InlineData("""{}""", "invalid")]
    [InlineData("""{"type":"direct"}""", "invalid")]
    [InlineData("""{"type":"direct","member_ids":[]}""", "invalid")]
    [InlineData("""{"type":"direct","member_ids":[null]}""", "invalid")]
    [InlineData("""{"type":"direct","member_ids":["x"]}""", "invalid")]
    [InlineData("""{"type":"direct","member_ids":[" {ben}"]}""", "invalid")]
    [InlineData("""{"type":"group","title":"\u200B","member_ids":["{ben}"]}""", "invalid")]
    [InlineData("""{"type":"group","title":"a\u202Eb","member_ids":["{ben}"]}""", "invalid")]
    [InlineData("""{"type":"direct","member_ids":"{ben}"}""", "malformed_json")]
    [InlineData("""{"type":"direct","member_ids":["{ann}"]}""", "direct_with_oneself")]
    [InlineData("""{"type":"direct","member_ids":["{ben}","{new}"]}""", "direct_with_several")]
    [InlineData("""{"type":"salon","member_ids":["{ben}"]}""", "invalid")]
    public async Task A_conversation_that_cannot_be_is_refused(string body, string code) => (await server.PostAsync(
        "/v1/conversations", new StringContent(Fill(body), Encoding.UTF8, Json),
        server.Ann.Access)).IsProblem(400, code);

    [Theory]
    [InlineData("GET", "/v1/conversations")]
    [InlineData("POST", "/v1/messages")]
    [InlineData("GET", "/messages")]
    [InlineData("GET", "/v1/admin/projections")]
    public async Task Nobody_is_served_without_a_token(string method, string path)
    {
        (await server.SendAsync(new HttpMethod(method), path, body: null, token: null))
            .IsProblem(401, "unauthenticated");
        (await server.SendAsync(new HttpMethod(method), path, body: null, token: "rubbish"))
            .IsProblem(401, "token_invalid");
    }

    [Fact]
    public async Task The_server_still_works()
    {
        (await server.PostAsync("/v1/messages", new StringContent(Fill(Good), Encoding.UTF8, Json), server.Ann.Access))
            .Is(201);
        (await server.GetAsync("/health/ready")).Is(200);
    }

    private static string Nested(int depth) =>
        """{"message_id":"{new}","receiver_id":"{ben}","type":"image","media_object":"""
        + string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "1" + new string('}', depth + 1);

    private string Fill(string text) => text
        .Replace("{{conversation}}", "{" + server.Conversation + "}", StringComparison.Ordinal)
        .Replace("{new}", Guid.CreateVersion7().ToString(), StringComparison.Ordinal)
        .Replace("{ann}", server.Ann.User, StringComparison.Ordinal)
        .Replace("{ben}", server.Ben.User, StringComparison.Ordinal)
        .Replace("{conversation}", server.Conversation, StringComparison.Ordinal)
        .Replace("{10000}", new string('x', 10_000), StringComparison.Ordinal)
        .Replace("{long}", new string('x', 65_537), StringComparison.Ordinal);
}
