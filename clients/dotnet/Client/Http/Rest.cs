using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Client.Http;

/// <summary>
/// Requests: with a token, with the position that makes own writes readable, and with errors as one exception.
/// </summary>
internal sealed class Rest : IDisposable
{
    /// <summary>The server's refusals have this type (RFC 9457, section 3); those of others do not count.</summary>
    private const string ProblemType = "application/problem+json";

    private readonly HttpClient _http;
    private readonly Clock _clock;
    private readonly TimeSpan _within;
    private string? _position;

    public Rest(Uri url, HttpMessageHandler handler, IChatStorage storage, Clock clock, TimeSpan within, ILogger logger)
    {
        Url = url;
        (_clock, _within) = (clock, within);
        _http = new HttpClient(handler, disposeHandler: false)
        {
            BaseAddress = url,
            Timeout = Timeout.InfiniteTimeSpan,
        };
        Tokens = new TokenKeeper(storage, clock, logger, RefreshAsync);
    }

    public Uri Url { get; }

    public TokenKeeper Tokens { get; }

    /// <summary>A request whose answer has a body.</summary>
    public async Task<T> GetAsync<T>(
        HttpMethod method, string path, JsonTypeInfo<T> type, HttpContent? body = null, string? authorization = null,
        TimeSpan? within = null, CancellationToken cancellationToken = default)
    {
        using var answer = await SendAsync(
            () => new HttpRequestMessage(method, path) { Content = body }, authorization, within, cancellationToken)
            .ConfigureAwait(false);
        return await ReadAsync(answer, type, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A request whose answer's body does not matter.</summary>
    public async Task DoAsync(
        HttpMethod method, string path, HttpContent? body = null, CancellationToken cancellationToken = default)
    {
        using var answer = await SendAsync(
            () => new HttpRequestMessage(method, path) { Content = body }, null, null, cancellationToken)
            .ConfigureAwait(false);
    }

    /// <summary>
    /// Sends a request and returns its answer if it is a success. A token that is refused is refreshed, and the
    /// request sent again, once.
    /// </summary>
    /// <param name="make">Makes the request anew for each attempt; its content must be sendable twice.</param>
    /// <param name="authorization">Instead of the token; empty for none.</param>
    /// <param name="within">How long to wait for the answer's head.</param>
    /// <exception cref="ChatException">Refused, or not answered.</exception>
    public async Task<HttpResponseMessage> SendAsync(
        Func<HttpRequestMessage> make, string? authorization, TimeSpan? within, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            var token = authorization is null
                ? await Tokens.GetAsync(cancellationToken).ConfigureAwait(false)
                : null;
            var request = make();
            if ((authorization ?? $"Bearer {token}") is { Length: > 0 } value)
                request.Headers.TryAddWithoutValidation("Authorization", value);
            if (request.Method == HttpMethod.Get && _position is { } position && token is not null)
                request.Headers.TryAddWithoutValidation("Chat-Min-Position", position);
            var answer = await AskAsync(request, within ?? _within, cancellationToken).ConfigureAwait(false);
            if (answer.IsSuccessStatusCode)
            {
                if (answer.Headers.TryGetValues("Chat-Position", out var positions))
                    _position = positions.First();
                return answer;
            }

            using (answer)
            {
                var refused = await ProblemOfAsync(answer, cancellationToken).ConfigureAwait(false);
                if (attempt > 0)
                    throw refused;
                if (refused.Status == (int)HttpStatusCode.Unauthorized && token is not null)
                    await Tokens.RefreshAsync(token, cancellationToken).ConfigureAwait(false);
                else if (refused.Code == "position_unknown")
                    _position = null; // The log has lost what the position names.
                else
                    throw refused;
            }
        }
    }

    public static HttpContent Body<T>(T value, JsonTypeInfo<T> type)
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(value, type));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json") { CharSet = "utf-8" };
        return content;
    }

    public async Task<T> ReadAsync<T>(
        HttpResponseMessage answer, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        try
        {
            var bytes = await answer.Content.ReadAsByteArrayAsync(cancellationToken)
                .WaitAsync(_within, _clock.Time, cancellationToken).ConfigureAwait(false);
            return JsonSerializer.Deserialize(bytes, type) ?? throw new JsonException("null");
        }
        catch (JsonException broken)
        {
            throw new ChatException(
                ErrorCode.BadAnswer, "The answer is none of this API.", (int)answer.StatusCode, broken);
        }
        catch (Exception failed) when (ChatException.IsNetwork(failed))
        {
            throw ChatException.Network(failed);
        }
    }

    /// <summary>The wait that an answer asks for; null for none.</summary>
    public TimeSpan? RetryAfterOf(RetryConditionHeaderValue? header) =>
        header?.Delta ?? (header?.Date is { } date ? Max(date - _clock.Time.GetUtcNow(), TimeSpan.Zero) : null);

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> AskAsync(
        HttpRequestMessage request, TimeSpan within, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(within, _clock.Time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, both.Token)
                .ConfigureAwait(false);
        }
        catch (Exception failed) when (ChatException.IsNetwork(failed))
        {
            throw ChatException.Network(failed);
        }
        catch (OperationCanceledException failed) when (!cancellationToken.IsCancellationRequested)
        {
            throw ChatException.Network(failed);
        }
    }

    private Task<TokenAnswer> RefreshAsync(string refreshToken, CancellationToken cancellationToken) => GetAsync(
        HttpMethod.Post, "v1/tokens/refresh", WireJson.Default.TokenAnswer,
        Body(new RefreshBody(refreshToken), WireJson.Default.RefreshBody), authorization: "",
        cancellationToken: cancellationToken);

    private async Task<ChatException> ProblemOfAsync(
        HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        var status = (int)answer.StatusCode;
        Problem? problem = null;
        try
        {
            if (answer.Content.Headers.ContentType?.MediaType == ProblemType)
                problem = await ReadAsync(answer, WireJson.Default.Problem, cancellationToken).ConfigureAwait(false);
        }
        catch (ChatException)
        {
            // No problem document after all: the status is all there is, as in an answer of a proxy in between.
        }

        return ChatException.Of(
            (problem ?? new Problem(answer.ReasonPhrase, status, null, null, null, null)) with { Status = status },
            RetryAfterOf(answer.Headers.RetryAfter));
    }

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
