using Microsoft.AspNetCore.Authentication;

namespace ChatCqrs.WebApi.Accounts;

/// <summary>Who may call what.</summary>
public static class AccountConventions
{
    /// <summary>Access tokens on every request, and one authorisation policy a role (<see cref="RoleNames"/>).</summary>
    public static WebApplicationBuilder AddAccessControl(this WebApplicationBuilder builder)
    {
        builder.Services
            .AddAuthentication(AccessTokenHandler.SchemeName)
            .AddScheme<AuthenticationSchemeOptions, AccessTokenHandler>(AccessTokenHandler.SchemeName, _ => { });
        builder.Services.AddAuthorizationBuilder()
            .AddPolicy(RoleNames.Admin, policy => policy.RequireRole(RoleNames.Admin))
            .AddPolicy(RoleNames.Auditor, policy => policy.RequireRole(RoleNames.Auditor));
        return builder;
    }
}
