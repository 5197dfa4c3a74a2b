namespace ChatCqrs.WebApi.Operations;

/// <summary>
/// Signs a browser in to the dashboard, because a browser sends no <c>Authorization</c> header. The access token comes
/// once in the address; a cookie for the dashboard alone keeps it, and a redirect removes it from the address.
/// </summary>
internal static class DashboardSignIn
{
    private const string Root = "/hangfire", Cookie = "chat_dashboard", Parameter = "access_token";

    public static IApplicationBuilder UseDashboardSignIn(this IApplicationBuilder app) => app.Use(next => context =>
    {
        var request = context.Request;
        if (!request.Path.StartsWithSegments(Root))
            return next(context);
        if (request.Query[Parameter] is { Count: 1 } given)
        {
            context.Response.Cookies.Append(Cookie, given.ToString(), new CookieOptions
            {
                HttpOnly = true,
                IsEssential = true,
                Path = Root,
                SameSite = SameSiteMode.Strict,
                Secure = request.IsHttps,
            });
            context.Response.Redirect(request.PathBase + request.Path);
            return Task.CompletedTask;
        }

        if (request.Headers.Authorization.Count == 0 && request.Cookies[Cookie] is { Length: > 0 } kept)
            request.Headers.Authorization = "Bearer " + kept;
        return next(context);
    });
}
