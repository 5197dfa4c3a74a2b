using System.Text.Json.Serialization;
using ChatCqrs.Application.Users;

namespace ChatCqrs.WebApi.Accounts;

/// <summary>A started registration.</summary>
/// <param name="ExpiresAt">When the code ends.</param>
/// <param name="Code">The code; in Development only.</param>
public sealed record RegistrationAnswer(
    Guid RegistrationId, DateTimeOffset ExpiresAt,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Code);

/// <summary>A device's tokens.</summary>
/// <param name="ExpiresIn">The seconds until the access token ends.</param>
public sealed record TokenAnswer(Guid UserId, Guid DeviceId, string AccessToken, string RefreshToken, long ExpiresIn)
{
    internal static TokenAnswer Of(SignedIn signedIn) => new(
        signedIn.User.Value, signedIn.Device.Value, signedIn.AccessToken, signedIn.RefreshToken,
        (long)signedIn.ExpiresIn.TotalSeconds);
}

/// <summary>The caller's own profile.</summary>
public sealed record OwnProfileAnswer(
    Guid UserId, string Phone, string? Name, string? About, string? Avatar, DateTimeOffset CreatedAt);

/// <summary>A user's public profile.</summary>
public sealed record PublicProfileAnswer(
    Guid UserId, string? Name, string? About, string? Avatar, DateTimeOffset CreatedAt);

/// <summary>The caller's own devices.</summary>
public sealed record DevicesAnswer(IReadOnlyList<DeviceAnswer> Devices)
{
    internal static DevicesAnswer Of(IEnumerable<ListDevices.Item> items) => new([.. items.Select(item =>
        new DeviceAnswer(item.Device.Value, item.Name, item.Platform, item.LastSeen, item.Current))]);
}

/// <summary>One of the caller's devices.</summary>
/// <param name="LastSeen">The last use, to the minute.</param>
/// <param name="Current">Whether it is the device of this request.</param>
public sealed record DeviceAnswer(Guid DeviceId, string Name, string Platform, DateTimeOffset LastSeen, bool Current);
