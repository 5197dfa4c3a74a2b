using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace ChatCqrs.Demo.Client;

/// <summary>REST as the wire contract describes it: JSON in snake_case, bearer tokens, problems.</summary>
public sealed class RestClient(HttpClient http, CancellationToken cancellation)
{
    public static readonly JsonSerializerOptions Names =
        new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <param name="after">A <c>Chat-Position</c> that the answer must include.</param>
    public async Task<Answer> SendAsync(
        HttpMethod method, string path, object? body = null, string? token = null, string? after = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
            request.Content = JsonContent.Create(body, options: Names);
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (after is not null)
            request.Headers.Add("Chat-Min-Position", after);
        using var response = await http.SendAsync(request, cancellation);
        var text = await response.Content.ReadAsStringAsync(cancellation);
        response.Headers.TryGetValues("Chat-Position", out var position);
        return new Answer($"{method} {path}", (int)response.StatusCode, text, position?.FirstOrDefault());
    }
}

/// <summary>An answer.</summary>
public sealed record Answer(string Request, int Status, string Text, string? Position)
{
    public JsonElement Body => Text.Length > 0 ? JsonDocument.Parse(Text).RootElement : default;

    /// <summary>Checks the answer's status and, for a problem, its code; returns the answer.</summary>
    public Answer Expect(int status, string? code = null)
    {
        if (Status != status || (code is not null && Body.GetProperty("code").GetString() != code))
            throw new NotSeenException(
                $"{Request} was to be answered with {status} {code}, and was with {Status}: {Text}");
        return this;
    }
}
