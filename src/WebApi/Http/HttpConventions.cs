using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ChatCqrs.WebApi.Http;

/// <summary>What holds for every address: limits, headers, problems.</summary>
public static class HttpConventions
{
    /// <summary>The largest request body, in bytes; a message's text or ciphertext fits in however it is escaped.</summary>
    public const int BodyMax = 512 * 1024;

    /// <summary>The longest address with its query that is answered, in bytes.</summary>
    public const int AddressMax = 8 * 1024;

    /// <summary>Beyond this the server itself closes the connection.</summary>
    private const int RequestLineMax = 64 * 1024;

    /// <summary>A larger body is refused all the same, but read to its end, so that its sender gets to see why.</summary>
    private const int DrainMax = 16 * 1024 * 1024;

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

    /// <summary>Headers of every answer. Nothing of it outlives the call, so that an open socket holds nothing.</summary>
    public static IApplicationBuilder UseSecurityHeaders(this IApplicationBuilder app) => ServerRefusals.Use(app).Use(next => context =>
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

    /// <summary>Problems for whatever goes wrong further in, and for addresses and bodies that the framework would stumble over.</summary>
    public static IApplicationBuilder UseProblems(this IApplicationBuilder app) => app
        .UseMiddleware<ProblemMiddleware>()
        .Use(next => context =>
        {
            var request = context.Request;
            return request.Path.Value!.Length + (request.QueryString.Value?.Length ?? 0) > AddressMax
                ? context.Response.WriteProblemAsync(Problems.OfStatus(StatusCodes.Status414UriTooLong))
                : HasForeignCharset(request)
                    ? context.Response.WriteProblemAsync(Problems.OfStatus(StatusCodes.Status415UnsupportedMediaType))
                    : next(context);
        });

    /// <summary>Refuses bodies over <see cref="BodyMax"/>, or over what the endpoint says of itself. Comes after routing.</summary>
    public static IApplicationBuilder UseBodyLimits(this IApplicationBuilder app) => app.Use(next => context =>
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<IRequestSizeLimitMetadata>() is not null)
            return next(context);
        if (context.Request.ContentLength > BodyMax)
            return context.Response.WriteProblemAsync(Problems.OfStatus(StatusCodes.Status413PayloadTooLarge));
        if (context.Request.ContentLength is null)
            context.Request.Body = new LimitedBody(context.Request.Body, BodyMax);
        return next(context);
    });

    private static bool IsPage(PathString path) => path.StartsWithSegments("/swagger") || path.StartsWithSegments("/hangfire");

    private const string NoContent = "default-src 'none'; frame-ancestors 'none'";

    /// <summary>Swagger UI and the dashboard need their own scripts, styles within the page, and pictures within the styles.</summary>
    private const string PageContent =
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

    /// <summary>JSON is UTF-8 (RFC 8259, section 8.1).</summary>
    private static bool HasForeignCharset(HttpRequest request) =>
        request.ContentType is { } type && type.Contains("charset", StringComparison.OrdinalIgnoreCase)
        && request.GetTypedHeaders().ContentType?.Charset.Value?.Trim('"') is { Length: > 0 } charset
        && !charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase);
}
