using System.Text.Json.Serialization;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;

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
/// <param name="Avatar">The <c>file_id</c> of an image that everybody who is signed in may download.</param>
public sealed record PublicProfileAnswer(Guid UserId, string? Name, string? About, string? Avatar)
{
    internal static PublicProfileAnswer Of(UserId user, Profile profile) =>
        new(user.Value, profile.Name, profile.About, profile.Avatar);
}

/// <summary>Public profiles, in any order.</summary>
public sealed record PublicProfilesAnswer(IReadOnlyList<PublicProfileAnswer> Users);

/// <summary>The caller's own devices.</summary>
public sealed record DevicesAnswer(IReadOnlyList<DeviceAnswer> Devices)
{
    internal static DevicesAnswer Of(IEnumerable<ListDevices.Item> items) => new([.. items.Select(DeviceAnswer.Of)]);
}

/// <summary>One of the caller's devices.</summary>
/// <param name="CreatedAt">When it signed in.</param>
/// <param name="LastSeen">The last use, to the minute.</param>
/// <param name="Current">Whether it is the device of this request.</param>
/// <param name="Ephemeral">Whether it may lose what it stores.</param>
public sealed record DeviceAnswer(
    Guid DeviceId, string Name, string Platform, DateTimeOffset CreatedAt, DateTimeOffset LastSeen, bool Current,
    bool Ephemeral)
{
    internal static DeviceAnswer Of(ListDevices.Item item) => new(
        item.Device.Id.Value, item.Device.Name, item.Device.Platform, item.Device.AddedAt, item.LastSeen, item.Current,
        item.Device.Ephemeral);
}
