using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application.Media;
using ChatCqrs.Domain;
using FluentValidation;
using FluentValidation.Results;
using Microsoft.AspNetCore.Http.Features;

namespace ChatCqrs.WebApi.Media;

/// <summary>
/// The headers of the tus protocol 1.0 (https://tus.io/protocols/resumable-upload) with the extensions that
/// <see cref="Extensions"/> names.
/// </summary>
internal static class TusProtocol
{
    public const string Version = "1.0.0";

    public const string Extensions =
        "creation,creation-with-upload,creation-defer-length,concatenation,termination,checksum,expiration";

    public const string ContentType = "application/offset+octet-stream";
    public const string FileIdHeader = "Chat-File-Id";

    private static readonly (string Name, HashAlgorithmName Algorithm)[] Algorithms =
    [
        ("sha1", HashAlgorithmName.SHA1), ("sha256", HashAlgorithmName.SHA256), ("sha512", HashAlgorithmName.SHA512),
        ("md5", HashAlgorithmName.MD5),
    ];

    public static readonly string ChecksumAlgorithms = string.Join(',', Algorithms.Select(algorithm => algorithm.Name));

    public static readonly Refusal UnknownVersion = new(
        RefusalKind.Outdated, "tus_version_unknown", $"Tus-Resumable must be {Version}.");

    /// <summary>
    /// Sets <c>Tus-Resumable</c> on every answer, and takes the method from <c>X-HTTP-Method-Override</c>, for clients
    /// that cannot send PATCH or DELETE. Must precede routing.
    /// </summary>
    public static IApplicationBuilder UseTus(this IApplicationBuilder app) => app.Use(next => context =>
    {
        var request = context.Request;
        if (!request.Path.StartsWithSegments("/v1/media/uploads"))
            return next(context);
        context.Response.Headers["Tus-Resumable"] = Version;
        var method = request.Headers["X-HTTP-Method-Override"].ToString().Trim().ToUpperInvariant();
        if (method is "PATCH" or "DELETE" or "HEAD" or "POST" or "OPTIONS")
            request.Method = method;
        return next(context);
    });

    /// <summary>Requires <c>Tus-Resumable</c> of every request except OPTIONS.</summary>
    public static ValueTask<object?> CheckVersionAsync(
        EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        var context = invocation.HttpContext;
        if (HttpMethods.IsOptions(context.Request.Method) || context.Request.Headers["Tus-Resumable"] == Version)
            return next(invocation);
        context.Response.Headers["Tus-Version"] = Version;
        throw new RefusedException(UnknownVersion);
    }

    /// <returns>Null when the header is absent or empty.</returns>
    public static string? Text(HttpRequest request, string header) =>
        request.Headers[header].ToString() is { Length: > 0 } text ? text : null;

    /// <summary>Whether bytes come with the request.</summary>
    public static bool HasBody(HttpRequest request) =>
        request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true };

    /// <returns>Null when the header is absent.</returns>
    /// <exception cref="ValidationException">The header is no whole number.</exception>
    public static long? Number(HttpRequest request, string header) =>
        request.Headers[header] is not { Count: > 0 } values ? null
        : long.TryParse(values.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw Invalid(header, "must be a whole number.");

    /// <summary><c>Upload-Metadata</c>: the decoded values by key, without regard to case.</summary>
    /// <exception cref="ValidationException">The header is malformed.</exception>
    public static IReadOnlyDictionary<string, string> Metadata(HttpRequest request)
    {
        const string header = "Upload-Metadata";
        var pairs = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var pair in request.Headers[header].ToString().Split(
            ',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var space = pair.IndexOf(' ', StringComparison.Ordinal);
            var (key, encoded) = space < 0 ? (pair, "") : (pair[..space], pair[(space + 1)..].Trim());
            var value = FromBase64(encoded) ?? throw Invalid(header, "must be pairs of a key and a value in base64.");
            if (!pairs.TryAdd(key, Encoding.UTF8.GetString(value)))
                throw Invalid(header, "must name each key once.");
        }

        return pairs;
    }

    /// <summary><c>Upload-Checksum</c>; null when it is absent.</summary>
    /// <exception cref="ValidationException">The header is malformed, or names an unknown algorithm.</exception>
    public static BodyChecksum? Checksum(HttpRequest request)
    {
        const string header = "Upload-Checksum";
        if (request.Headers[header] is not { Count: > 0 } values)
            return null;
        var parts = values.ToString().Split(' ', 2, StringSplitOptions.TrimEntries);
        var (name, algorithm) = Algorithms.FirstOrDefault(
            known => known.Name.Equals(parts[0], StringComparison.OrdinalIgnoreCase));
        if (name is null || parts.Length != 2 || FromBase64(parts[1]) is not { } hash)
            throw Invalid(header, $"must be one of {ChecksumAlgorithms}, a space, and the hash in base64.");
        return new BodyChecksum(algorithm, hash);
    }

    private static byte[]? FromBase64(string text)
    {
        var bytes = new byte[(text.Length * 3 / 4) + 3];
        return Convert.TryFromBase64String(text, bytes, out var size) ? bytes[..size] : null;
    }

    private static ValidationException Invalid(string header, string message) =>
        new([new ValidationFailure(header, message)]);
}
