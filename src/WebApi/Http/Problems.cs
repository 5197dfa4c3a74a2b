using System.Diagnostics;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using Microsoft.AspNetCore.WebUtilities;

namespace ChatCqrs.WebApi.Http;

/// <summary>Turns exceptions, refusals and statuses into problems, for REST and for the socket's frames.</summary>
public static class Problems
{
    /// <summary>The <c>Retry-After</c> of refusals and statuses that state none themselves.</summary>
    public static readonly TimeSpan StoreRetryAfter = TimeSpan.FromSeconds(1);

    /// <summary>The code of a request with wrong fields; <see cref="Problem.Errors"/> names them.</summary>
    public const string Invalid = "invalid";

    /// <summary>The status of the tus protocol 1.0, checksum extension.</summary>
    private const int ChecksumMismatch = 460;

    /// <param name="traceId">Null for the current activity's id, or a new one.</param>
    public static Problem Of(Exception exception, string? traceId = null) => exception switch
    {
        RefusedException refused => Of(refused.Refusal, traceId) with
        {
            RetryAfter = refused.RetryAfter ?? RetryAfterOf(refused.Refusal),
        },
        ValidationException validation => OfFields(validation, traceId),
        StoreUnavailableException => Of(503, "store_unavailable", "A store cannot be reached. Try again.", traceId) with
        {
            RetryAfter = StoreRetryAfter,
        },
        BadHttpRequestException { InnerException: JsonException json } => OfJson(json, traceId),
        BadHttpRequestException bad => OfStatus(bad.StatusCode, traceId),
        _ => OfStatus(StatusCodes.Status500InternalServerError, traceId),
    };

    public static Problem Of(Refusal refusal, string? traceId = null) =>
        Of(StatusOf(refusal.Kind), refusal.Code, refusal.Detail, traceId) with { RetryAfter = RetryAfterOf(refusal) };

    public static Problem Of(int status, string code, string detail, string? traceId = null) =>
        new("urn:chatcqrs:problem:" + code, TitleOf(status), status, detail, code, traceId ?? CurrentTraceId());

    /// <summary>The problem of one wrong field.</summary>
    public static Problem OfField(string field, string message, string? traceId = null) =>
        OfFields(new Dictionary<string, IReadOnlyList<string>> { [field] = [message] }, traceId);

    /// <summary>The problem of a status that the framework answered without a body.</summary>
    public static Problem OfStatus(int status, string? traceId = null) => status switch
    {
        400 => Of(status, "malformed_request", "The request is not well-formed.", traceId),
        401 => Of(Refusal.Unauthenticated, traceId),
        403 => Of(status, "forbidden", "The caller may not do this.", traceId),
        404 => Of(status, "not_found", "There is nothing at this address.", traceId),
        405 => Of(
            status, "method_not_allowed",
            "This address does not take this method; the header Allow names those that it takes.", traceId),
        408 => Of(status, "request_timeout", "The request did not arrive in time.", traceId),
        413 => Of(status, "too_large", "The request's body is too large.", traceId),
        414 => Of(status, "uri_too_long", "The request's address is too long.", traceId),
        415 => Of(status, "unsupported_media_type", "The body must be application/json in UTF-8.", traceId),
        412 => Of(status, "precondition_failed", "What the request supposes does not hold.", traceId),
        416 => Of(status, "range_unknown", "There is no such part.", traceId),
        429 => Of(Refusal.RateLimited, traceId) with { RetryAfter = StoreRetryAfter },
        500 => Of(status, "internal_error", "Something went wrong here. The trace_id helps to find out what.", traceId),
        503 => Of(status, "unavailable", "The server cannot answer now. Try again.", traceId) with
        {
            RetryAfter = StoreRetryAfter,
        },
        _ => Of(status, "status_" + status, TitleOf(status) + ".", traceId),
    };

    private static Problem OfFields(ValidationException validation, string? traceId) => OfFields(
        validation.Errors
            .GroupBy(failure => failure.PropertyName)
            .ToDictionary(
                field => field.Key,
                IReadOnlyList<string> (field) => [.. field.Select(failure => failure.ErrorMessage).Distinct()]),
        traceId);

    private static Problem OfFields(IReadOnlyDictionary<string, IReadOnlyList<string>> errors, string? traceId) =>
        Of(400, Invalid, "Not everything in the request has the described form: see errors.", traceId) with
        {
            Errors = errors,
        };

    /// <summary>
    /// A body that is no JSON, or not of the described form. Only the path goes out: the exception's message names
    /// internal types and quotes the body.
    /// </summary>
    private static Problem OfJson(JsonException exception, string? traceId)
    {
        var field = exception.Path?.TrimStart('$').TrimStart('.');
        return string.IsNullOrEmpty(field)
            ? Of(400, "malformed_json", "The body is not a JSON object of the described form.", traceId)
            : Of(400, "malformed_json", "The body is not JSON, or a value is not of the described type.", traceId) with
            {
                Errors = new Dictionary<string, IReadOnlyList<string>>
                {
                    [field] = ["is malformed, of another type than described, or given twice."],
                },
            };
    }

    private static string TitleOf(int status) =>
        status == ChecksumMismatch ? "Checksum Mismatch" : ReasonPhrases.GetReasonPhrase(status);

    private static int StatusOf(RefusalKind kind) => kind switch
    {
        RefusalKind.Invalid => StatusCodes.Status400BadRequest,
        RefusalKind.Unauthenticated => StatusCodes.Status401Unauthorized,
        RefusalKind.Forbidden => StatusCodes.Status403Forbidden,
        RefusalKind.Unknown => StatusCodes.Status404NotFound,
        RefusalKind.Conflict => StatusCodes.Status409Conflict,
        RefusalKind.Gone => StatusCodes.Status410Gone,
        RefusalKind.TooLarge => StatusCodes.Status413PayloadTooLarge,
        RefusalKind.Unsupported => StatusCodes.Status415UnsupportedMediaType,
        RefusalKind.Outdated => StatusCodes.Status412PreconditionFailed,
        RefusalKind.Locked => StatusCodes.Status423Locked,
        RefusalKind.Corrupted => ChecksumMismatch,
        RefusalKind.TooMany => StatusCodes.Status429TooManyRequests,
        RefusalKind.Unavailable => StatusCodes.Status503ServiceUnavailable,
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    private static TimeSpan? RetryAfterOf(Refusal refusal) =>
        refusal.Kind is RefusalKind.TooMany or RefusalKind.Unavailable ? StoreRetryAfter : null;

    private static string CurrentTraceId() =>
        (Activity.Current?.TraceId ?? ActivityTraceId.CreateRandom()).ToHexString();
}
