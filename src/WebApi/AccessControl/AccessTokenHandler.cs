using System.Text.Encodings.Web;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.AccessControl;

/// <summary>
/// Authenticates the access token in <c>Authorization: Bearer</c> (RFC 6750, section 2.1) with
/// <see cref="IAccessTokens"/>.
/// </summary>
internal sealed class AccessTokenHandler(
    IAccessTokens tokens, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger,
    UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "Bearer";

    private const string Prefix = SchemeName + " ";

    private Refusal _refusal = Refusal.Unauthenticated;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        if (!header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            return AuthenticateResult.NoResult();
        var check = await tokens.ValidateAsync(header[Prefix.Length..].Trim(), Context.RequestAborted);
        if (check.Principal is not { } principal)
        {
            _refusal = check.Refusal!;
            return AuthenticateResult.Fail(_refusal.Code);
        }

        var caller = new Caller(principal.User, principal.Device, principal.Roles, principal.ExpiresAt);
        return AuthenticateResult.Success(
            new AuthenticationTicket(new AuthenticatedCaller(caller, SchemeName), SchemeName));
    }

    /// <summary>The challenge of RFC 6750, section 3. It has no error code when the request has no token.</summary>
    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        await HandleAuthenticateOnceSafeAsync();
        Response.Headers.WWWAuthenticate = _refusal == Refusal.Unauthenticated
            ? SchemeName
            : $"{SchemeName} error=\"invalid_token\", error_description=\"{_refusal.Code}\"";
        await Response.WriteProblemAsync(Problems.Of(_refusal));
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Response.WriteProblemAsync(Problems.OfStatus(StatusCodes.Status403Forbidden));
}
