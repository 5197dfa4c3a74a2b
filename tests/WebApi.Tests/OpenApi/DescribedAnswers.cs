using System.Text.Json;
using System.Text.Json.Nodes;
using ChatCqrs.WebApi.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.Swagger;

namespace ChatCqrs.WebApi.Tests.OpenApi;

/// <summary>
/// Fails a test at an answer that the OpenAPI document does not describe: another status, another code, or a body that
/// does not conform. Every request of these tests passes it.
/// </summary>
internal sealed class DescribedAnswers(IServiceProvider services) : DelegatingHandler(new SocketsHttpHandler())
{
    private static readonly Lock Turn = new();

    private static SchemaCheck? _document;

    private readonly Lazy<SchemaCheck> _check = new(() => DocumentOf(services));

    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken);
        if (Find(request) is { } operation)
            await CheckAsync(operation, request, response, cancellationToken);
        return response;
    }

    private async Task CheckAsync(
        Operation operation, HttpRequestMessage request, HttpResponseMessage response,
        CancellationToken cancellationToken)
    {
        var status = (int)response.StatusCode;
        var media = response.Content.Headers.ContentType?.MediaType;
        var isRefusal = status >= 400;
        if (!isRefusal && operation.Answers.All(answer => answer.Status != status))
            throw Undescribed($"answers {status}: add it to Answers");
        if (media is not ("application/json" or "application/problem+json")
            || request.Method == HttpMethod.Head)
            return;
        await response.Content.LoadIntoBufferAsync(cancellationToken);
        var body = JsonSerializer.Deserialize<JsonElement>(
            await response.Content.ReadAsByteArrayAsync(cancellationToken));
        if (isRefusal && media == "application/problem+json")
        {
            var code = body.GetProperty("code").GetString();
            if (!OperationDescriptions.RefusalsOf(operation)
                .Any(problem => problem.Status == status && problem.Code == code))
                throw Undescribed($"refuses with {status} {code}: add it to Refusals (or Statuses)");
        }

        var faults = _check.Value.FaultsOf(
            body, "paths", operation.Path, operation.Method.Method.ToLowerInvariant(), "responses", $"{status}",
            "content", media, "schema");
        if (faults.Count > 0)
            throw Undescribed($"answers {status} with what is not described: {string.Join("; ", faults)}\n{body}");

        InvalidOperationException Undescribed(string what) => new(
            $"{operation.Method} {operation.Path} {what} of the operation \"{operation.Id}\" in src/WebApi/OpenApi "
            + "(docs/testing.md, \"Described answers\").");
    }

    /// <summary>The operation of a request; null where none is, such as for a method that is not taken.</summary>
    private static Operation? Find(HttpRequestMessage request)
    {
        var method = request.Headers.TryGetValues("X-HTTP-Method-Override", out var methods)
            ? new HttpMethod(methods.First().Trim().ToUpperInvariant())
            : request.Method;
        if (request.Headers.Contains("Access-Control-Request-Method"))
            return null; // A preflight, which no endpoint answers.
        var path = request.RequestUri!.AbsolutePath.TrimEnd('/').Split('/');
        return OperationDescriptions.All
            .Where(operation => operation.Method == method && Fits(operation.Path.Split('/'), path))
            .OrderBy(operation => operation.Path.Count(letter => letter == '{')).FirstOrDefault()
            ?? (method == HttpMethod.Head ? Find(AsGet(request)) : null);
    }

    private static HttpRequestMessage AsGet(HttpRequestMessage request) => new(HttpMethod.Get, request.RequestUri);

    private static bool Fits(string[] template, string[] path) => template.Length == path.Length
        && template.Zip(path).All(part => part.First.StartsWith('{')
            ? part.Second.Length > 0
            : part.First.Equals(part.Second, StringComparison.OrdinalIgnoreCase));

    /// <summary>The document is the same for all servers, and made once.</summary>
    private static SchemaCheck DocumentOf(IServiceProvider services)
    {
        lock (Turn)
        {
            if (_document is not null)
                return _document;
            using var scope = services.CreateScope();
            using var text = new StringWriter();
            scope.ServiceProvider.GetRequiredService<ISwaggerProvider>().GetSwagger("v1")
                .SerializeAsV31(new OpenApiJsonWriter(text));
            return _document = new SchemaCheck(JsonNode.Parse(text.ToString())!);
        }
    }
}
