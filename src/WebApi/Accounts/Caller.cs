using System.Security.Claims;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Accounts;

/// <summary>Who calls: a parameter of every endpoint that needs authorisation.</summary>
public sealed record Caller(UserId User, DeviceId Device, Roles Roles, DateTimeOffset ExpiresAt)
{
    /// <summary>Binds the parameter of a minimal API.</summary>
    public static ValueTask<Caller> BindAsync(HttpContext context) => ValueTask.FromResult(Of(context));

    /// <exception cref="InvalidOperationException">The endpoint is not one that needs authorisation.</exception>
    public static Caller Of(HttpContext context) => context.User is AuthenticatedCaller { Caller: var caller }
        ? caller
        : throw new InvalidOperationException("The caller of an anonymous endpoint was asked for.");
}

/// <summary>The caller in ASP.NET's own form.</summary>
internal sealed class AuthenticatedCaller(Caller caller, string scheme) : ClaimsPrincipal(IdentityOf(caller, scheme))
{
    public Caller Caller { get; } = caller;

    private static ClaimsIdentity IdentityOf(Caller caller, string scheme)
    {
        var claims = new List<Claim> { new(SubjectClaim, caller.User.ToString()), new(DeviceClaim, caller.Device.ToString()) };
        claims.AddRange(Enum.GetValues<Roles>()
            .Where(role => role != Roles.None && caller.Roles.HasFlag(role))
            .Select(role => new Claim(RoleClaim, RoleNames.Of(role))));
        return new ClaimsIdentity(claims, scheme, SubjectClaim, RoleClaim);
    }

    private const string SubjectClaim = "sub";
    private const string DeviceClaim = "device";
    private const string RoleClaim = "roles";
}

/// <summary>The roles as tokens and authorisation policies name them.</summary>
public static class RoleNames
{
    public const string Admin = "admin";
    public const string Auditor = "auditor";

    public static string Of(Roles role) => role switch
    {
        Roles.Admin => Admin,
        Roles.Auditor => Auditor,
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "Not a single role."),
    };
}
