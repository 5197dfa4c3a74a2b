using System.Net;
using System.Text.Json;

namespace ChatCqrs.Acceptance.Client;

/// <summary>
/// One HTTP answer, read whole. Reading checks the rules for every answer: no <c>Server</c> header, <c>nosniff</c>, and
/// for an error a complete problem document without internals.
/// </summary>
public sealed class Answer
{
    private Answer(HttpRequestMessage request, HttpResponseMessage response, string body)
    {
        Request = $"{request.Method} {request.RequestUri?.PathAndQuery}";
        Status = (int)response.StatusCode;
        Body = body;
        MediaType = response.Content.Headers.ContentType?.MediaType ?? "";
        Headers = response.Headers.Concat(response.Content.Headers)
            .ToDictionary(
                header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);
    }

    public string Request { get; }
    public int Status { get; }
    public string Body { get; }
    public string MediaType { get; }
    public IReadOnlyDictionary<string, string> Headers { get; }

    public JsonElement Json => Client.Json.Parse(Body);

    /// <summary>The log position that a command's answer carries.</summary>
    public string Position => Headers.TryGetValue("Chat-Position", out var position) && position.Length > 0
        ? position
        : throw new Xunit.Sdk.XunitException($"{this}: no Chat-Position");

    public string? Code => Json.Text("code");

    public static async Task<Answer> ReadAsync(
        HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancellation)
    {
        var answer = new Answer(request, response, await response.Content.ReadAsStringAsync(cancellation));
        answer.CheckRules();
        return answer;
    }

    public T Read<T>() => Client.Json.Read<T>(Json);

    /// <summary>Returns this answer; fails the test if its status is none of these.</summary>
    public Answer Expect(params int[] statuses)
    {
        if (!statuses.Contains(Status)) Assert.Fail($"Expected {string.Join(" or ", statuses)}. {this}");
        return this;
    }

    public Answer Expect(int status, string code)
    {
        Expect(status);
        if (Code != code) Assert.Fail($"Expected the code {code}. {this}");
        return this;
    }

    public override string ToString() =>
        $"{Request} answered {Status} ({MediaType}) {(Body.Length > 1000 ? Body[..1000] + "..." : Body)}";

    private void CheckRules()
    {
        if (Headers.ContainsKey("Server")) Assert.Fail($"A Server header: {this}");
        if (Headers.GetValueOrDefault("X-Content-Type-Options") != "nosniff") Assert.Fail($"No nosniff: {this}");
        if (Status < 400 || Request.Contains("/health/")) return;

        if (MediaType != "application/problem+json") Assert.Fail($"An error that is no problem document: {this}");
        Problems.Check(Json, Status, ToString());
        if (Status == (int)HttpStatusCode.InternalServerError) Assert.Fail($"The server failed: {this}");
        if (Status is 429 or 503 && !Headers.ContainsKey("Retry-After")) Assert.Fail($"No Retry-After: {this}");
    }
}

/// <summary>The rules for every problem document, in an answer or in an <c>error</c> frame.</summary>
public static class Problems
{
    private static readonly string[] Leaks = ["   at ", "Exception", "stack", "Npgsql", "System.", "ChatCqrs."];

    public static void Check(JsonElement problem, int status, string context)
    {
        if (problem.ValueKind != JsonValueKind.Object) Assert.Fail($"The problem is no object: {context}");
        foreach (var field in (string[])["type", "title", "code", "trace_id"])
        {
            if (string.IsNullOrWhiteSpace(problem.Text(field))) Assert.Fail($"The problem has no {field}: {context}");
        }
        if (!problem.TryGetProperty("status", out var stated) || stated.ValueKind != JsonValueKind.Number
            || stated.GetInt32() != status)
            Assert.Fail($"The problem's status is not {status}: {context}");
        if (problem.TryGetProperty("errors", out var errors)
            && errors.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null))
            Assert.Fail($"The problem's errors are no object: {context}");

        var text = problem.GetRawText();
        foreach (var leak in Leaks)
        {
            if (text.Contains(leak, StringComparison.Ordinal))
                Assert.Fail($"The problem shows the server's inside ({leak.Trim()}): {context}");
        }
    }
}
