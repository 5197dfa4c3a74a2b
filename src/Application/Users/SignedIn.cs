using System.Text.Json;
using System.Text.Json.Serialization;
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
    UserId User, DeviceId Device, string AccessToken, string RefreshToken, TimeSpan ExpiresIn, LogPosition Position)
{
    internal byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(
        new Stored(User.Value, Device.Value, AccessToken, RefreshToken, ExpiresIn, Position.Value),
        SignedInJson.Default.Stored);

    internal static SignedIn FromBytes(ReadOnlySpan<byte> bytes) =>
        JsonSerializer.Deserialize(bytes, SignedInJson.Default.Stored) is { } stored
            ? new SignedIn(
                new UserId(stored.User), new DeviceId(stored.Device), stored.AccessToken, stored.RefreshToken,
                stored.ExpiresIn, new LogPosition(stored.Position))
            : throw new FormatException("The answer of a sign-in is empty.");

    /// <summary>The same, as it is kept sealed.</summary>
    internal sealed record Stored(
        Guid User, Guid Device, string AccessToken, string RefreshToken, TimeSpan ExpiresIn, ulong Position);
}

[JsonSerializable(typeof(SignedIn.Stored))]
internal sealed partial class SignedInJson : JsonSerializerContext;

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
        if (await AnyAsync(options.Value.Compliance, user, phone, cancellationToken))
            roles |= Roles.Compliance;
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
