using System.Net;
using System.Text;
using System.Threading.Channels;
using ChatCqrs.Client.Realtime;

namespace ChatCqrs.Client.Specs.Fakes;

/// <summary>A server in memory: answers requests by a function, and hands out the sockets that are opened.</summary>
internal sealed class FakeServer : HttpMessageHandler, ITransport
{
    private readonly Channel<FakeSocket> _opened = Channel.CreateUnbounded<FakeSocket>();
    private readonly Queue<Exception> _failures = new();
    private int _attempts;

    /// <summary>Answers a request; a null is no answer at all.</summary>
    public Func<HttpRequestMessage, string, HttpResponseMessage?> Answer { get; set; } = (_, _) => null;

    /// <summary>Requests so far: method and path.</summary>
    public List<(string Line, string Body, HttpRequestMessage Request)> Requests { get; } = [];

    public int Attempts => Volatile.Read(ref _attempts);

    public static HttpResponseMessage Json(int status, string body, string type = "application/json") =>
        new((HttpStatusCode)status) { Content = new StringContent(body, Encoding.UTF8, type) };

    public static HttpResponseMessage Problem(int status, string code, TimeSpan? retryAfter = null)
    {
        var answer = Json(
            status,
            $$"""
            {"type":"urn:x","title":"No","status":{{status}},"detail":"No.","code":"{{code}}","trace_id":"trace",
            "errors":{"phone":["is none."]} }
            """,
            "application/problem+json");
        if (retryAfter is { } wait)
            answer.Headers.RetryAfter = new(wait);
        return answer;
    }

    /// <summary>The next sockets are not opened.</summary>
    public void Fail(params IEnumerable<Exception> failures)
    {
        foreach (var failure in failures)
            _failures.Enqueue(failure);
    }

    public async Task<FakeSocket> OpenedAsync()
    {
        using var deadline = new CancellationTokenSource(Wait.Most);
        return await _opened.Reader.ReadAsync(deadline.Token);
    }

    public bool AnyOpened => _opened.Reader.TryPeek(out _);

    public Task<ISocket> OpenAsync(Uri server, string token, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _attempts);
        if (_failures.TryDequeue(out var failure))
            return Task.FromException<ISocket>(failure);
        var socket = new FakeSocket { Token = token };
        _opened.Writer.TryWrite(socket);
        return Task.FromResult<ISocket>(socket);
    }

    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
        HttpResponseMessage? answer;
        lock (Requests)
        {
            Requests.Add(($"{request.Method} {request.RequestUri!.PathAndQuery}", body, request));
            answer = Answer(request, body);
        }

        return answer ?? throw new HttpRequestException("The answer is lost.");
    }
}

internal sealed class FakeNetwork : INetwork
{
    public bool IsUp { get; set; } = true;

    public Action? CameUp { get; set; }

    public void Dispose()
    {
    }
}
