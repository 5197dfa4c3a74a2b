using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Http;

/// <summary>
/// Cross-origin requests of browsers (Fetch, section 3.3) by the framework's middleware, with one policy for every
/// path. Nothing is sent with credentials: tokens travel in <c>Authorization</c>.
/// </summary>
internal static class CorsConventions
{
    /// <summary>How long a browser may keep the answer to a preflight; Chromium keeps it no longer.</summary>
    private static readonly TimeSpan PreflightKept = TimeSpan.FromHours(2);

    /// <summary>
    /// What scripts of other origins may read beside the headers that are always readable. A wildcard is not enough:
    /// older browsers take it for a name.
    /// </summary>
    internal static readonly string[] Exposed =
    [
        PositionToken.AnswerHeader, "Chat-File-Id", "Retry-After", "Location", "ETag", "Content-Range",
        "Upload-Offset", "Upload-Length", "Upload-Defer-Length", "Upload-Metadata", "Upload-Concat", "Upload-Expires",
        "Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm",
    ];

    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

    public static IServiceCollection AddOrigins(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<OriginOptions>().Bind(configuration.GetSection("Cors")).ValidateOnStart();
        services.AddSingleton<IValidateOptions<OriginOptions>, OriginOptions.Validator>();
        services.AddSingleton<Origins>();
        services.AddCors();
        services.AddSingleton<ICorsService, CorsOfAllAnswers>();
        services.AddOptions<CorsOptions>().Configure<Origins>((cors, origins) => cors.AddDefaultPolicy(policy => policy
            .SetIsOriginAllowed(origins.Allow).AllowAnyHeader().WithMethods(Methods).WithExposedHeaders(Exposed)
            .SetPreflightMaxAge(PreflightKept)));
        return services;
    }

    /// <summary>
    /// Answers preflights of every path, and marks the answers of all later middleware, refusals included, as readable.
    /// </summary>
    public static IApplicationBuilder UseOrigins(this IApplicationBuilder app) => app.UseCors();

    /// <summary>
    /// Leaves <c>Vary: Origin</c> to <see cref="HttpConventions"/>: a cache must keep answers to requests without an
    /// origin apart, too.
    /// </summary>
    private sealed class CorsOfAllAnswers(IOptions<CorsOptions> options, ILoggerFactory loggers)
        : CorsService(options, loggers)
    {
        public override void ApplyResult(CorsResult result, HttpResponse response)
        {
            result.VaryByOrigin = false;
            base.ApplyResult(result, response);
        }
    }
}
