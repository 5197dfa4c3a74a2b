using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Users;

/// <summary>The tokens of a signed-in device.</summary>
/// <param name="ExpiresIn">How long the access token is valid.</param>
/// <param name="Position">
/// The position of the last event written; <see cref="LogPosition.Start"/> if there was none.
/// </param>
public sealed record SignedIn(
    UserId User, DeviceId Device, string AccessToken, string RefreshToken, TimeSpan ExpiresIn, LogPosition Position);

/// <summary>Reads users' roles from the configuration.</summary>
internal sealed class AccessRoles(IOptions<AccessOptions> options, AccountSecrets secrets)
{
    public async ValueTask<Roles> OfAsync(UserId user, PhoneKey phone, CancellationToken cancellationToken)
    {
        var roles = Roles.None;
        if (await AnyAsync(options.Value.Admins, user, phone, cancellationToken))
            roles |= Roles.Admin;
        if (await AnyAsync(options.Value.Auditors, user, phone, cancellationToken))
            roles |= Roles.Auditor;
        return roles;
    }

    private async ValueTask<bool> AnyAsync(
        List<string> named, UserId user, PhoneKey phone, CancellationToken cancellationToken)
    {
        foreach (var name in named)
        {
            var isMatch = Guid.TryParse(name, out var id)
                ? id == user.Value
                : await secrets.PhoneKeyAsync(name, cancellationToken) == phone;
            if (isMatch)
                return true;
        }

        return false;
    }
}
