using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ChatCqrs.WebApi.Http;

/// <summary>Limits, headers and problems of every address.</summary>
public static class HttpConventions
{
    /// <summary>
    /// The largest request body, in bytes; the largest text or ciphertext of a message fits in, however it is escaped.
    /// </summary>
    public const int BodyMax = 512 * 1024;

    /// <summary>The longest path with its query, in characters.</summary>
    public const int AddressMax = 8 * 1024;

    /// <summary>The longest request line, in bytes; beyond it Kestrel closes the connection.</summary>
    private const int RequestLineMax = 64 * 1024;

    /// <summary>
    /// The most bytes of a refused body that the server reads to the end, so that its sender sees the refusal.
    /// </summary>
    private const int DrainMax = 16 * 1024 * 1024;

    private const string NoContent = "default-src 'none'; frame-ancestors 'none'";

    /// <summary>Swagger UI and the dashboard need their own scripts, inline styles, and images in styles.</summary>
    private const string PageContent =
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; "
        + "base-uri 'none'; form-action 'self'";

    public static WebApplicationBuilder AddHttpConventions(this WebApplicationBuilder builder)
    {
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.Services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = DrainMax;
            kestrel.Limits.MaxRequestLineSize = RequestLineMax;
        });
        builder.Services.AddJsonConventions();
        builder.Services.AddSingleton<Positions>();
        return builder;
    }

    /// <summary>Sets the headers of every answer. Allocates nothing that an open socket would keep.</summary>
    public static IApplicationBuilder UseSecurityHeaders(this IApplicationBuilder app) =>
        ServerRefusals.Use(app).Use(next => context =>
        {
            SetSecurityHeaders(context.Response.Headers, context.Request.Path);
            return next(context);
        });

    internal static void SetSecurityHeaders(IHeaderDictionary headers, PathString path)
    {
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers.ContentSecurityPolicy = IsPage(path) ? PageContent : NoContent;
        headers.CacheControl = "no-store";
    }

    /// <summary>
    /// Turns errors of all later middleware into problems, and refuses long addresses and bodies that are not UTF-8.
    /// </summary>
    public static IApplicationBuilder UseProblems(this IApplicationBuilder app) => app
        .UseMiddleware<ProblemMiddleware>()
        .Use(next => context =>
        {
            var request = context.Request;
            var isTooLong = request.Path.Value!.Length + (request.QueryString.Value?.Length ?? 0) > AddressMax;
            return isTooLong ? context.Response.WriteProblemAsync(Problems.OfStatus(414))
                : HasForeignCharset(request) ? context.Response.WriteProblemAsync(Problems.OfStatus(415))
                : next(context);
        });

    /// <summary>
    /// Refuses bodies over <see cref="BodyMax"/>, except at endpoints with a limit of their own. Must follow routing.
    /// </summary>
    public static IApplicationBuilder UseBodyLimits(this IApplicationBuilder app) => app.Use(next => context =>
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<IRequestSizeLimitMetadata>() is not null)
            return next(context);
        if (context.Request.ContentLength > BodyMax)
            return context.Response.WriteProblemAsync(Problems.OfStatus(413));
        if (context.Request.ContentLength is null)
            context.Request.Body = new LimitedBody(context.Request.Body, BodyMax);
        return next(context);
    });

    private static bool IsPage(PathString path) =>
        path.StartsWithSegments("/swagger") || path.StartsWithSegments("/hangfire");

    /// <summary>JSON is UTF-8 (RFC 8259, section 8.1).</summary>
    private static bool HasForeignCharset(HttpRequest request) =>
        request.ContentType is { } type && type.Contains("charset", StringComparison.OrdinalIgnoreCase)
        && request.GetTypedHeaders().ContentType?.Charset.Value?.Trim('"') is { Length: > 0 } charset
        && !charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase);
}
