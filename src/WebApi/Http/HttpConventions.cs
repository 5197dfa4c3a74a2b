using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Net.Http.Headers;

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

    /// <summary>
    /// The header that says which sites may load an answer without CORS, as an image or a script (Fetch, section 3.6).
    /// </summary>
    public const string ResourcePolicy = "Cross-Origin-Resource-Policy";

    /// <summary>The methods that are taken anywhere; TRACE and CONNECT are not.</summary>
    private const string Methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

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
        builder.Services.AddOrigins(builder.Configuration);
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
        headers[ResourcePolicy] = "same-origin";
        headers.ContentSecurityPolicy = IsPage(path) ? PageContent : NoContent;
        headers.CacheControl = "no-store";
        headers.Vary = HeaderNames.Origin; // Pages of other origins get headers of their own.
    }

    /// <summary>
    /// Turns errors of all later middleware into problems, and refuses TRACE and CONNECT, long addresses and bodies
    /// that are not UTF-8.
    /// </summary>
    public static IApplicationBuilder UseProblems(this IApplicationBuilder app) => app
        .UseMiddleware<ProblemMiddleware>()
        .Use(next => context =>
        {
            var request = context.Request;
            if (HttpMethods.IsTrace(request.Method) || HttpMethods.IsConnect(request.Method))
            {
                context.Response.Headers.Allow = Methods;
                return context.Response.WriteProblemAsync(Problems.OfStatus(405));
            }

            var isTooLong = request.Path.Value!.Length + (request.QueryString.Value?.Length ?? 0) > AddressMax;
            return isTooLong ? context.Response.WriteProblemAsync(Problems.OfStatus(414))
                : !TakesCharset(request) ? context.Response.WriteProblemAsync(Problems.OfStatus(415))
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

    /// <summary>Answers HEAD wherever a group answers GET (RFC 9110, section 9.3.2).</summary>
    public static RouteGroupBuilder WithHead(this RouteGroupBuilder group)
    {
        ((IEndpointConventionBuilder)group).Add(endpoint =>
        {
            for (var i = 0; i < endpoint.Metadata.Count; i++)
            {
                if (endpoint.Metadata[i] is HttpMethodMetadata { HttpMethods: [var only] } && HttpMethods.IsGet(only))
                    endpoint.Metadata[i] = new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]);
            }
        });
        return group;
    }

    private static bool IsPage(PathString path) =>
        path.StartsWithSegments("/swagger") || path.StartsWithSegments("/hangfire")
        || path.StartsWithSegments("/audit");

    /// <summary>
    /// Whether a body is UTF-8, as JSON is (RFC 8259, section 8.1). A quoted name is the same as a bare one (RFC 9110,
    /// section 5.6.6), but the framework's reader throws at quotes, so that they are taken away.
    /// </summary>
    private static bool TakesCharset(HttpRequest request)
    {
        if (request.ContentType is not { } type || !type.Contains("charset", StringComparison.OrdinalIgnoreCase)
            || request.GetTypedHeaders().ContentType is not { Charset: { HasValue: true } charset } parsed)
            return true;
        if (!HeaderUtilities.UnescapeAsQuotedString(charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase))
            return false;
        if (charset[0] == '"')
        {
            parsed.Charset = "utf-8";
            request.ContentType = parsed.ToString();
        }

        return true;
    }
}
