using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace ChatCqrs.WebApi.Tests.Http;

/// <summary>Input that is no HTTP never reaches a middleware, and still gets a problem.</summary>
public sealed class ServerRefusalTests(SharedServer server) : IClassFixture<SharedServer>
{
    private const string Good = "GET /health/live HTTP/1.1\r\nHost: chat\r\n\r\n";

    public static TheoryData<string, string, int> Rubbish => new()
    {
        { "a NUL in the address", "GET /v1/conversations/%00/messages HTTP/1.1\r\nHost: chat\r\n\r\n", 400 },
        { "a NUL as it is", "GET /v1/conversations/\0/messages HTTP/1.1\r\nHost: chat\r\n\r\n", 400 },
        { "no host", "GET /v1/conversations HTTP/1.1\r\n\r\n", 400 },
        { "two hosts", "GET /v1/conversations HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
        { "a header without a name", "GET /v1/conversations HTTP/1.1\r\nHost: chat\r\n: x\r\n\r\n", 400 },
        { "a NUL in a header", "GET /v1/conversations HTTP/1.1\r\nHost: chat\r\nX: a\0b\r\n\r\n", 400 },
        { "another protocol", "hello there\r\n\r\n", 400 },
        { "another version", "GET / HTTP/7.0\r\nHost: chat\r\n\r\n", 505 },
        { "a length that is none", "POST /v1/messages HTTP/1.1\r\nHost: chat\r\nContent-Length: many\r\n\r\n", 400 },
        { "a long address", $"GET /{new string('a', 70_000)} HTTP/1.1\r\nHost: chat\r\n\r\n", 414 },
        {
            "many headers",
            "GET / HTTP/1.1\r\nHost: chat\r\n"
                + string.Concat(Enumerable.Range(0, 200).Select(i => $"X-{i}: x\r\n")) + "\r\n",
            431
        },
    };

    [Theory]
    [MemberData(nameof(Rubbish))]
    public async Task Input_that_is_no_HTTP_gets_a_problem(string what, string request, int status)
    {
        var (head, body) = Split(await SendAsync(request));

        IsProblem(head, body, status);
        Assert.NotEmpty(what);
    }

    [Fact]
    public async Task Earlier_requests_on_the_connection_are_answered_first()
    {
        var answer = await SendAsync(Good + "GET /%00 HTTP/1.1\r\nHost: chat\r\n\r\n");

        var second = answer.IndexOf("HTTP/1.1 400", StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        var (head, body) = Split(answer[second..]);
        IsProblem(head, body, 400);
    }

    [Fact]
    public async Task A_HEAD_request_gets_no_body()
    {
        var (head, body) = Split(await SendAsync("HEAD / HTTP/1.1\r\n\r\n"));

        Assert.StartsWith("HTTP/1.1 400 ", head, StringComparison.Ordinal);
        Assert.Contains("\r\nX-Content-Type-Options: nosniff\r\n", head, StringComparison.Ordinal);
        Assert.Empty(body);
    }

    [Fact]
    public async Task The_server_answers_on()
    {
        await SendAsync("GET /%00 HTTP/1.1\r\nHost: chat\r\n\r\n");

        (await server.GetAsync("/health/live")).Is(200);
    }

    private static void IsProblem(string head, string body, int status)
    {
        Assert.StartsWith($"HTTP/1.1 {status} ", head, StringComparison.Ordinal);
        Assert.Contains("\r\nX-Content-Type-Options: nosniff\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nContent-Type: application/problem+json\r\n", head, StringComparison.Ordinal);
        Assert.Contains($"\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", head, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("\r\nServer:", head, StringComparison.OrdinalIgnoreCase);
        var problem = JsonDocument.Parse(body).RootElement;
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        Assert.All(
            ["type", "title", "detail", "code", "trace_id"],
            name => Assert.NotEmpty(problem.GetProperty(name).GetString()!));
    }

    /// <summary>The answer's head, with its final line break, and its body.</summary>
    private static (string Head, string Body) Split(string answer)
    {
        var end = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        Assert.True(end > 0, answer);
        return (answer[..(end + 2)], answer[(end + 4)..]);
    }

    /// <summary>Sends the bytes unchanged, and reads until the server closes the connection.</summary>
    private async Task<string> SendAsync(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Http.BaseAddress!.Host, server.Http.BaseAddress.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadToEndAsync(Testing.Eventually.Cancelled());
    }
}
