namespace ChatCqrs.Acceptance.Client;

/// <summary>HTTP client of one server. Stateless: each call carries its access token.</summary>
public sealed class ChatApi(Uri address) : IDisposable
{
    /// <summary>Longer than the contract lets any request take.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false })
    {
        BaseAddress = address,
        Timeout = Patience,
    };

    public Uri Address { get; } = address;

    public async Task<Answer> SendAsync(
        HttpMethod method, string path, HttpContent? content = null, string? token = null, string? minPosition = null,
        CancellationToken cancellation = default)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        if (token is not null) request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
        if (minPosition is not null) request.Headers.TryAddWithoutValidation("Chat-Min-Position", minPosition);
        using var response = await _http.SendAsync(request, cancellation);
        return await Answer.ReadAsync(request, response, cancellation);
    }

    public Task<Answer> GetAsync(string path, string? token = null) => SendAsync(HttpMethod.Get, path, token: token);

    public Task<Answer> PostAsync(string path, object? body, string? token = null) =>
        SendAsync(HttpMethod.Post, path, Json.Body(body), token);

    public void Dispose() => _http.Dispose();
}
