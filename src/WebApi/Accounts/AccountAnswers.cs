using System.Text.Json.Serialization;
using ChatCqrs.Application.Users;

namespace ChatCqrs.WebApi.Accounts;

/// <summary>A registration that waits for its code.</summary>
/// <param name="Code">In Development only.</param>
public sealed record RegistrationAnswer(
    Guid RegistrationId, DateTimeOffset ExpiresAt,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Code);

/// <summary>A device's tokens.</summary>
/// <param name="ExpiresIn">How long the access token is good for, in seconds.</param>
public sealed record TokenAnswer(Guid UserId, Guid DeviceId, string AccessToken, string RefreshToken, long ExpiresIn)
{
    internal static TokenAnswer Of(SignedIn signedIn) => new(
        signedIn.User.Value, signedIn.Device.Value, signedIn.AccessToken, signedIn.RefreshToken, (long)signedIn.ExpiresIn.TotalSeconds);
}

/// <summary>The caller's own profile.</summary>
public sealed record OwnProfileAnswer(
    Guid UserId, string Phone, string? Name, string? About, string? Avatar, DateTimeOffset CreatedAt);

/// <summary>What a user shows to everybody.</summary>
public sealed record PublicProfileAnswer(Guid UserId, string? Name, string? About, string? Avatar, DateTimeOffset CreatedAt);

/// <summary>The caller's own devices.</summary>
public sealed record DevicesAnswer(IReadOnlyList<DeviceAnswer> Devices)
{
    internal static DevicesAnswer Of(IEnumerable<ListDevices.Item> items) => new([.. items.Select(item =>
        new DeviceAnswer(item.Device.Value, item.Name, item.Platform, item.LastSeen, item.Current))]);
}

/// <param name="LastSeen">To the minute.</param>
/// <param name="Current">Whether it is the one that asks.</param>
public sealed record DeviceAnswer(Guid DeviceId, string Name, string Platform, DateTimeOffset LastSeen, bool Current);
