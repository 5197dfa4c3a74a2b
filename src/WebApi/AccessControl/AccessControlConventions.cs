using Microsoft.AspNetCore.Authentication;

namespace ChatCqrs.WebApi.AccessControl;

/// <summary>Authentication and authorisation.</summary>
public static class AccessControlConventions
{
    /// <summary>Who reads the verifiable logs: the signed-in, or everybody (<c>Audit:Public</c>).</summary>
    public const string AuditLogReaders = "audit-log-readers";

    /// <summary>Adds authentication by access token, and one authorisation policy a role.</summary>
    public static WebApplicationBuilder AddAccessControl(this WebApplicationBuilder builder)
    {
        var isPublic = builder.Configuration.GetValue<bool>("Audit:Public");
        builder.Services
            .AddAuthentication(AccessTokenHandler.SchemeName)
            .AddScheme<AuthenticationSchemeOptions, AccessTokenHandler>(AccessTokenHandler.SchemeName, _ => { });
        builder.Services.AddAuthorizationBuilder()
            .AddPolicy(RoleNames.Admin, policy => policy.RequireRole(RoleNames.Admin))
            .AddPolicy(RoleNames.Auditor, policy => policy.RequireRole(RoleNames.Auditor))
            .AddPolicy(RoleNames.Compliance, policy => policy.RequireRole(RoleNames.Compliance))
            .AddPolicy(RoleNames.Approver, policy => policy.RequireRole(RoleNames.Admin, RoleNames.Compliance))
            .AddPolicy(
                RoleNames.AnyOfAudit,
                policy => policy.RequireRole(RoleNames.Admin, RoleNames.Auditor, RoleNames.Compliance))
            .AddPolicy(AuditLogReaders, policy => policy.RequireAssertion(
                context => isPublic || context.User.Identity?.IsAuthenticated == true));
        return builder;
    }
}
