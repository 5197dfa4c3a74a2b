using System.Security.Claims;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.AccessControl;

/// <summary>The authenticated caller; endpoints that need authorisation take it as a parameter.</summary>
/// <param name="ExpiresAt">When the access token ends.</param>
public sealed record Caller(UserId User, DeviceId Device, Roles Roles, DateTimeOffset ExpiresAt)
{
    /// <summary>Binds the parameter of an endpoint.</summary>
    public static ValueTask<Caller> BindAsync(HttpContext context) => ValueTask.FromResult(Of(context));

    /// <exception cref="InvalidOperationException">The endpoint is anonymous.</exception>
    public static Caller Of(HttpContext context) => context.User is AuthenticatedCaller { Caller: var caller }
        ? caller
        : throw new InvalidOperationException("The caller of an anonymous endpoint was asked for.");
}

/// <summary>The caller as ASP.NET Core's principal.</summary>
internal sealed class AuthenticatedCaller(Caller caller, string scheme) : ClaimsPrincipal(IdentityOf(caller, scheme))
{
    private const string SubjectClaim = "sub";
    private const string DeviceClaim = "device";
    private const string RoleClaim = "roles";

    public Caller Caller { get; } = caller;

    private static ClaimsIdentity IdentityOf(Caller caller, string scheme)
    {
        var claims = new List<Claim>
        {
            new(SubjectClaim, caller.User.ToString()),
            new(DeviceClaim, caller.Device.ToString()),
        };
        claims.AddRange(Enum.GetValues<Roles>()
            .Where(role => role != Roles.None && caller.Roles.HasFlag(role))
            .Select(role => new Claim(RoleClaim, RoleNames.Of(role))));
        return new ClaimsIdentity(claims, scheme, SubjectClaim, RoleClaim);
    }
}

/// <summary>The names of roles in tokens and authorisation policies.</summary>
public static class RoleNames
{
    public const string Admin = "admin";
    public const string Auditor = "auditor";
    public const string Compliance = "compliance";

    /// <summary>The policy of those who approve: an admin or compliance.</summary>
    public const string Approver = "approver";

    /// <summary>The policy of those who take part in audits: an admin, an auditor or compliance.</summary>
    public const string AnyOfAudit = "any_of_audit";

    public static string Of(Roles role) => role switch
    {
        Roles.Admin => Admin,
        Roles.Auditor => Auditor,
        Roles.Compliance => Compliance,
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "Not a single role."),
    };
}
