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

    /// <summary>A request with wrong fields; <see cref="Problem.Errors"/> names them.</summary>
    internal static readonly Refusal Invalid = new(
        RefusalKind.Invalid, "invalid", "Not everything in the request has the described form: see errors.");

    internal static readonly Refusal MalformedJson = new(
        RefusalKind.Invalid, "malformed_json", "The body is not a JSON object of the described form.");

    internal static readonly Refusal StoreUnavailable = new(
        RefusalKind.Unavailable, "store_unavailable", "A store cannot be reached. Try again.");

    /// <summary>What the framework answers with a bare status.</summary>
    internal static readonly IReadOnlyDictionary<int, (string Code, string Detail)> OfStatuses =
        new Dictionary<int, (string, string)>
        {
            [400] = ("malformed_request", "The request is not well-formed."),
            [403] = ("forbidden", "The caller may not do this."),
            [404] = ("not_found", "There is nothing at this address."),
            [405] = (
                "method_not_allowed",
                "This address does not take this method; the header Allow names those that it takes."),
            [408] = ("request_timeout", "The request did not arrive in time."),
            [412] = ("precondition_failed", "What the request supposes does not hold."),
            [413] = ("too_large", "The request's body is too large."),
            [414] = ("uri_too_long", "The request's address is too long."),
            [415] = ("unsupported_media_type", "The body must be application/json in UTF-8."),
            [416] = ("range_unknown", "There is no such part."),
            [500] = ("internal_error", "Something went wrong here. The trace_id helps to find out what."),
            [503] = ("unavailable", "The server cannot answer now. Try again."),
        };

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
        StoreUnavailableException => Of(StoreUnavailable, traceId),
        BadHttpRequestException { InnerException: JsonException json } => OfJson(json, traceId),
        BadHttpRequestException bad => OfStatus(bad.StatusCode, traceId),
        _ => OfStatus(StatusCodes.Status500InternalServerError, traceId),
    };

    public static Problem Of(Refusal refusal, string? traceId = null) =>
        Of(StatusOf(refusal.Kind), refusal.Code, refusal.Detail, traceId) with { RetryAfter = RetryAfterOf(refusal) };

    private static Problem Of(int status, string code, string detail, string? traceId) =>
        new("urn:chatcqrs:problem:" + code, TitleOf(status), status, detail, code, traceId ?? CurrentTraceId());

    /// <summary>The problem of one wrong field.</summary>
    public static Problem OfField(string field, string message, string? traceId = null) =>
        OfFields(new Dictionary<string, IReadOnlyList<string>> { [field] = [message] }, traceId);

    /// <summary>The problem of a status that the framework answered without a body.</summary>
    public static Problem OfStatus(int status, string? traceId = null) => status switch
    {
        401 => Of(Refusal.Unauthenticated, traceId),
        429 => Of(Refusal.RateLimited, traceId),
        _ when OfStatuses.TryGetValue(status, out var known) => Of(status, known.Code, known.Detail, traceId) with
        {
            RetryAfter = status == StatusCodes.Status503ServiceUnavailable ? StoreRetryAfter : null,
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
        Of(Invalid, traceId) with
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
            ? Of(MalformedJson, traceId)
            : Of(MalformedJson, traceId) with
            {
                Detail = "The body is not JSON, or a value is not of the described type.",
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
