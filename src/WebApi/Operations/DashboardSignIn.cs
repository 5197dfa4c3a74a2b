using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.RateLimits;

namespace ChatCqrs.WebApi.Operations;

/// <summary>
/// Signs a browser in to the dashboard, because a browser sends no <c>Authorization</c> header: a form posts an access
/// token, and a cookie that only the dashboard reads keeps it. The cookie is as good as the token and lasts as long.
/// </summary>
/// <remarks>
/// Requests that change something are refused (403) unless a page of this server sent them: a browser says so in
/// <c>Sec-Fetch-Site</c> (W3C Fetch Metadata) or <c>Origin</c> (RFC 6454). One that says neither and has the cookie is
/// refused, too.
/// </remarks>
internal static class DashboardSignIn
{
    private const string Root = "/hangfire", Page = Root + "/sign-in";

    /// <summary>The form's field.</summary>
    private const string Field = "access_token";

    /// <summary>In Development, where the server may have no TLS.</summary>
    private const string PlainCookie = "chat_dashboard";

    /// <summary>
    /// The prefix binds the cookie to this host and to TLS (RFC 6265bis, section 4.1.3.2), and requires the path /.
    /// </summary>
    private const string HostCookie = "__Host-" + PlainCookie;

    private const string Html =
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>ChatCqrs: sign in</title></head>
        <body><form method="post" autocomplete="off"><label>Access token of an admin
        <input type="password" name="access_token" required autofocus></label> <button>Sign in</button></form></body>
        </html>
        """;

    internal static readonly Refusal NotAForm = new(
        RefusalKind.Unsupported, "unsupported_media_type", "The body must be a form with the field access_token.");

    /// <summary>Must precede authentication, which then finds the token of the cookie.</summary>
    public static IApplicationBuilder UseDashboardSignIn(this WebApplication app)
    {
        var cookie = CookieOf(app.Environment);
        return app.Use(next => context =>
        {
            var request = context.Request;
            if (!request.Path.StartsWithSegments(Root))
                return next(context);
            var kept = request.Cookies[cookie];
            if (!IsSafe(request.Method) && !IsOwn(request, hasCookie: !string.IsNullOrEmpty(kept)))
                return context.Response.WriteProblemAsync(Problems.Of(Origins.Refused));
            if (request.Headers.Authorization.Count == 0 && !string.IsNullOrEmpty(kept))
                request.Headers.Authorization = "Bearer " + kept;
            return next(context);
        });
    }

    /// <summary>The page with the form, and what it posts to.</summary>
    public static void MapDashboardSignIn(this IEndpointRouteBuilder app)
    {
        app.MapGet(Page, () => TypedResults.Content(Html, "text/html", Encoding.UTF8))
            .ExcludeFromDescription().AllowAnonymous();
        app.MapPost(Page, SignInAsync).ExcludeFromDescription().AllowAnonymous()
            .RequireRateLimiting(RateLimitConventions.Verifications);
    }

    private static async Task<IResult> SignInAsync(
        HttpContext context, IAccessTokens tokens, IHostEnvironment environment, CancellationToken cancellationToken)
    {
        var token = await FieldOfAsync(context.Request, cancellationToken);
        var check = await tokens.ValidateAsync(token, cancellationToken);
        if (check.Principal is not { } principal)
            throw new RefusedException(check.Refusal!);
        if (!principal.Roles.HasFlag(Roles.Admin))
        {
            await context.Response.WriteProblemAsync(Problems.OfStatus(StatusCodes.Status403Forbidden));
            return TypedResults.Empty;
        }

        var isPlain = environment.IsDevelopment();
        context.Response.Cookies.Append(CookieOf(environment), token, new CookieOptions
        {
            HttpOnly = true,
            IsEssential = true,
            Path = isPlain ? Root : "/",
            SameSite = SameSiteMode.Strict,
            Secure = !isPlain || context.Request.IsHttps,
        });
        context.Response.Headers.Location = context.Request.PathBase + Root;
        return TypedResults.StatusCode(StatusCodes.Status303SeeOther);
    }

    /// <exception cref="RefusedException">There is no form.</exception>
    /// <exception cref="BadHttpRequestException">The form is malformed.</exception>
    private static async Task<string> FieldOfAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (!request.HasFormContentType)
            throw new RefusedException(NotAForm);
        try
        {
            return (await request.ReadFormAsync(cancellationToken))[Field].ToString();
        }
        catch (Exception exception) // Kestrel's own are of types of its own.
            when (exception is InvalidDataException || exception.GetType() == typeof(IOException))
        {
            throw new BadHttpRequestException("The form is not well-formed.", exception);
        }
    }

    private static string CookieOf(IHostEnvironment environment) =>
        environment.IsDevelopment() ? PlainCookie : HostCookie;

    private static bool IsSafe(string method) =>
        HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method);

    private static bool IsOwn(HttpRequest request, bool hasCookie)
    {
        var (site, origin) = (request.Headers["Sec-Fetch-Site"].ToString(), request.Headers.Origin.ToString());
        if (site.Length == 0 && origin.Length == 0)
            return !hasCookie;
        return site is "" or "same-origin"
            && (origin.Length == 0 || Origins.IsOwn(request));
    }
}
