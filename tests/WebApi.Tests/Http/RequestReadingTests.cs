using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace ChatCqrs.WebApi.Tests.Http;

/// <summary>
/// Well-formed heads with rubbish behind or in them: reading a request never ends in a 5xx, and a problem says no more
/// than that it is malformed.
/// </summary>
public sealed class RequestReadingTests(SignedInServer server) : IClassFixture<SignedInServer>
{
    private const string Chunked = "Transfer-Encoding: chunked";
    private const string Json = "Content-Type: application/json";
    private const string Form = "Content-Type: multipart/form-data; boundary=b";
    private const string Part = "--b\r\nContent-Disposition: form-data; name=\"file_type\"\r\n\r\nimage\r\n";
    private const string FileHead = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n";

    /// <summary>
    /// What, method, path, headers apart from the length, and body. Chunked bodies are sent as they stand here.
    /// </summary>
    public static TheoryData<string, string, string, string, string> Requests => new()
    {
        { "a chunk without a size", "POST", "/v1/messages", $"{Json}\r\n{Chunked}", "zz\r\n{}\r\n0\r\n\r\n" },
        { "a chunk with a negative size", "POST", "/v1/messages", $"{Json}\r\n{Chunked}", "-1\r\n{}\r\n0\r\n\r\n" },
        {
            "a chunk with a huge size", "POST", "/v1/messages", $"{Json}\r\n{Chunked}",
            "ffffffffffff\r\n{}\r\n0\r\n\r\n"
        },
        {
            "a chunk that is longer than its size", "POST", "/v1/messages", $"{Json}\r\n{Chunked}",
            "1\r\n{}{}\r\n0\r\n\r\n"
        },
        { "another encoding than chunked", "POST", "/v1/messages", $"{Json}\r\nTransfer-Encoding: gzip", "" },
        { "a compressed body", "POST", "/v1/messages", $"{Json}\r\nContent-Encoding: gzip", "\u001f\u008b\u0008\0\0" },
        { "bytes that are no UTF-8", "POST", "/v1/messages", Json, "{\"text\":\"\u00ff\u00fe\"}" },
        { "a name that is no UTF-8", "POST", "/v1/messages", Json, "{\"te\u00ffxt\":\"x\"}" },
        { "UTF-16", "POST", "/v1/messages", Json, "\u00ff\u00fe{\0}\0" },
        { "half a character", "POST", "/v1/messages", Json, "{\"text\":\"\u00e2\u0082" },
        { "a media type that is none", "POST", "/v1/messages", "Content-Type: ;;;=\"", "{}" },
        { "a media type of bytes", "POST", "/v1/messages", "Content-Type: application/json; charset=\u00fc", "{}" },
        { "a charset that throws elsewhere", "POST", "/v1/messages", Json + "; charset=utf-7", "{}" },
        { "a charset with a NUL in quotes", "POST", "/v1/messages", Json + "; charset=\"utf-8\\\\\"", "{}" },
        { "a quoted charset without a token", "POST", "/v1/registrations", Json + "; charset=\"utf-9\"", "{}" },
        { "a form without an end", "POST", "/v1/media", Form, Part },
        { "a form without a part", "POST", "/v1/media", Form, "" },
        { "a form of something else", "POST", "/v1/media", Form, "hello" },
        { "a form with its end only", "POST", "/v1/media", Form, "--b--\r\n" },
        { "a form without a boundary", "POST", "/v1/media", "Content-Type: multipart/form-data", Part },
        {
            "a form with an empty boundary", "POST", "/v1/media", "Content-Type: multipart/form-data; boundary=\"\"",
            Part
        },
        {
            "a form with a long boundary", "POST", "/v1/media",
            $"Content-Type: multipart/form-data; boundary={new string('b', 5000)}", Part
        },
        {
            "a form with a foreign boundary", "POST", "/v1/media",
            "Content-Type: multipart/form-data; boundary=\"\u00ff\\\"\"", Part
        },
        { "a part with a header that is none", "POST", "/v1/media", Form, "--b\r\nnothing\r\n\r\nx\r\n--b--\r\n" },
        { "a part with a header without an end", "POST", "/v1/media", Form, "--b\r\nContent-Disposition: form-data" },
        {
            "a part with a long header", "POST", "/v1/media", Form,
            $"--b\r\nX: {new string('x', 20_000)}\r\n\r\nx\r\n--b--\r\n"
        },
        {
            "a part with many headers", "POST", "/v1/media", Form,
            "--b\r\n" + string.Concat(Enumerable.Range(0, 100).Select(i => $"X-{i}: x\r\n")) + "\r\nx\r\n--b--\r\n"
        },
        {
            "a part with a disposition that is none", "POST", "/v1/media", Form,
            "--b\r\nContent-Disposition: ;;\"\r\n\r\nx\r\n--b--\r\n"
        },
        {
            "a file name in an unknown encoding", "POST", "/v1/media", Form,
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename*=klingon''%ff\r\n\r\nx\r\n--b--\r\n"
        },
        {
            "a file name that is no UTF-8", "POST", "/v1/media", Form,
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''%ff%fe%\r\n\r\nx\r\n--b--\r\n"
        },
        {
            "a file name of bytes", "POST", "/v1/media", Form,
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\u00ff\0\"\r\n\r\nx\r\n--b--\r\n"
        },
        { "a form cut off in a file", "POST", "/v1/media", Form, Part + FileHead + "\r\nhalf" },
        { "a chunked form with a bad chunk", "POST", "/v1/media", $"{Form}\r\n{Chunked}", "zz\r\n" },
        {
            "a chunked form with a bad second chunk", "POST", "/v1/media", $"{Form}\r\n{Chunked}",
            "5\r\n--b\r\n\r\nzz\r\n"
        },
        {
            "an upload's length that is none", "POST", "/v1/media/uploads",
            "Tus-Resumable: 1.0.0\r\nUpload-Length: \u00b2", ""
        },
        {
            "metadata that are none", "POST", "/v1/media/uploads",
            "Tus-Resumable: 1.0.0\r\nUpload-Length: 1\r\nUpload-Metadata: filename \u00ff", ""
        },
        {
            "metadata of bytes", "POST", "/v1/media/uploads",
            "Tus-Resumable: 1.0.0\r\nUpload-Length: 1\r\nUpload-Metadata: filename //8=,file_type /w==", ""
        },
        {
            "a checksum that is none", "PATCH", "/v1/media/uploads/0198c2a4-7f00-7000-8000-0000000000a1",
            "Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n"
                + "Upload-Checksum: sha1 =", "x"
        },
        { "a query that is no UTF-8", "GET", "/v1/conversations?cursor=%ff%fe", "", "" },
        { "a query with half an escape", "GET", "/v1/conversations?cursor=%&limit=%zz", "", "" },
        { "a query with a NUL", "GET", "/v1/messages?user_id=%00", "", "" },
        {
            "a query of many names", "GET",
            "/v1/conversations?" + string.Join('&', Enumerable.Range(0, 1500).Select(i => "a")), "", ""
        },
        { "a query of half a surrogate", "GET", "/v1/conversations?cursor=%ed%a0%80", "", "" },
        { "a path with half an escape", "GET", "/v1/conversations/%", "", "" },
        { "a path of half a surrogate", "GET", "/v1/conversations/%ed%a0%80/messages", "", "" },
        { "a path with an escaped slash", "GET", "/v1/conversations/%2f%2e%2e/messages", "", "" },
        {
            "a range that is none", "GET", "/v1/media/download?file_id=0198c2a4-7f00-7000-8000-0000000000a1",
            "Range: bytes=9-1,-,\u00ff", ""
        },
        { "a position that is none", "GET", "/v1/conversations", "Chat-Min-Position: \u00ff", "" },
        { "conditions that are none", "GET", "/v1/conversations", "If-None-Match: \"\r\nIf-Modified-Since: never", "" },
        { "a cookie that is none", "GET", "/hangfire", "Cookie: ;=\u00ff;chat_dashboard=%00", "" },
        { "a tunnel", "CONNECT", "chat:443", "", "" },
        { "a tunnel to a path", "CONNECT", "/v1/ws", "", "" },
        { "all addresses", "GET", "*", "", "" },
        { "options of all addresses", "OPTIONS", "*", "", "" },
        { "an absolute address", "GET", "http://chat/v1/conversations?limit=x", "", "" },
        {
            "a form that signs in, cut off", "POST", "/hangfire/sign-in",
            "Content-Type: application/x-www-form-urlencoded", "access_token=%"
        },
        {
            "a form that signs in, of many fields", "POST", "/hangfire/sign-in",
            "Content-Type: application/x-www-form-urlencoded",
            string.Join('&', Enumerable.Range(0, 2000).Select(i => $"a{i}=b"))
        },
        { "a form that signs in, of parts without an end", "POST", "/hangfire/sign-in", Form, Part },
        {
            "a form that signs in, with a long boundary", "POST", "/hangfire/sign-in",
            $"Content-Type: multipart/form-data; boundary={new string('b', 5000)}", Part
        },
        {
            "a form that signs in, without a boundary", "POST", "/hangfire/sign-in",
            "Content-Type: multipart/form-data", Part
        },
        { "JSON that signs in", "POST", "/hangfire/sign-in", Json, "{}" },
        {
            "a socket without a key", "GET", "/v1/ws",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13", ""
        },
        {
            "a socket with a key that is none", "GET", "/v1/ws",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \u00ff", ""
        },
        {
            "a socket of another version", "GET", "/v1/ws",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99\r\nSec-WebSocket-Key: "
                + "dGhlIHNhbXBsZSBub25jZQ==", ""
        },
    };

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task Reading_a_request_never_ends_in_a_failure_of_the_server(
        string what, string method, string path, string headers, string body)
    {
        foreach (var token in new[] { server.Ann.Access, "eyJ\u00ff.\u00ff.x", null })
        {
            var answer = await SendAsync(method, path, headers, body, token);

            Assert.StartsWith("HTTP/1.1 ", answer, StringComparison.Ordinal);
            var status = int.Parse(answer.AsSpan(9, 3), CultureInfo.InvariantCulture);
            Assert.True(status is >= 200 and < 500, $"{what}: {answer}");
            Assert.Contains("\r\nX-Content-Type-Options: nosniff\r\n", answer, StringComparison.Ordinal);
            Assert.DoesNotContain("\r\nServer:", answer, StringComparison.OrdinalIgnoreCase);
            if (status >= 400)
                IsProblem(answer, status);
        }
    }

    private static void IsProblem(string answer, int status)
    {
        Assert.Contains("\r\nContent-Type: application/problem+json\r\n", answer, StringComparison.Ordinal);
        var text = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        var problem = JsonDocument.Parse(text).RootElement;
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        Assert.NotEmpty(problem.GetProperty("code").GetString()!);
        Assert.DoesNotContain("Exception", text, StringComparison.Ordinal);
    }

    private async Task<string> SendAsync(string method, string path, string headers, string body, string? token)
    {
        var request = new StringBuilder($"{method} {path} HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n");
        if (token is not null)
            request.Append("Authorization: Bearer ").Append(token).Append("\r\n");
        if (headers.Length > 0)
            request.Append(headers).Append("\r\n");
        if (method != "GET" && !headers.Contains("Transfer-Encoding", StringComparison.Ordinal))
            request.Append("Content-Length: ").Append(body.Length).Append("\r\n");
        request.Append("\r\n").Append(body);

        using var client = new TcpClient();
        await client.ConnectAsync(server.Http.BaseAddress!.Host, server.Http.BaseAddress.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request.ToString()));
        return await ReadAsync(stream);
    }

    /// <summary>Reads until the length that the head states, or until the server closes the connection.</summary>
    private static async Task<string> ReadAsync(NetworkStream stream)
    {
        var (answer, buffer) = ("", new byte[64 * 1024]);
        while (!IsWhole(answer))
        {
            var read = await stream.ReadAsync(buffer, Testing.Eventually.Cancelled());
            if (read == 0)
                break;
            answer += Encoding.Latin1.GetString(buffer, 0, read);
        }

        return answer;
    }

    private static bool IsWhole(string answer)
    {
        const string length = "\r\nContent-Length: ";
        var end = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var start = answer.IndexOf(length, StringComparison.Ordinal) + length.Length;
        return end > start && start > length.Length
            && answer.Length >= end + 4 + int.Parse(
                answer.AsSpan(start, answer.IndexOf('\r', start) - start), CultureInfo.InvariantCulture);
    }
}
