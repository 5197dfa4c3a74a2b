using System.Text.Json.Serialization;
using ChatCqrs.Application.Users;

namespace ChatCqrs.WebApi.Accounts;

/// <summary>A started device link.</summary>
/// <param name="Secret">For <c>Authorization: Link</c>, in base64url.</param>
/// <param name="ExpiresAt">Until when it can be approved.</param>
public sealed record DeviceLinkAnswer(Guid LinkId, string Secret, DateTimeOffset ExpiresAt);

/// <summary>The state of a device link; with the tokens once it was approved, until they were first used.</summary>
/// <param name="Status"><c>pending</c>, <c>approved</c>, <c>refused</c> or <c>expired</c>.</param>
/// <param name="Proof">Base64 of the approving device's proof; the new device compares it with its own.</param>
/// <param name="Payload">Base64, from the approving device.</param>
/// <param name="ExpiresIn">The seconds until the access token ends.</param>
public sealed record DeviceLinkStatusAnswer(
    string Status,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Proof,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Payload,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Guid? UserId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Guid? DeviceId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? AccessToken,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? RefreshToken,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? ExpiresIn)
{
    internal static DeviceLinkStatusAnswer Of(AwaitDeviceLink.Result result) => new(
        result.Status.ToString().ToLowerInvariant(), Base64(result.Proof), Base64(result.Payload),
        result.SignedIn?.User.Value, result.SignedIn?.Device.Value, result.SignedIn?.AccessToken,
        result.SignedIn?.RefreshToken, (long?)result.SignedIn?.ExpiresIn.TotalSeconds);

    private static string? Base64(ReadOnlyMemory<byte>? bytes) =>
        bytes is { } some ? Convert.ToBase64String(some.Span) : null;
}

/// <summary>The device that asks to be linked, for the person who approves.</summary>
/// <param name="Address">The address that the link was asked for from; null if unknown.</param>
/// <param name="PublicKey">What the device sent with its request; null for none.</param>
public sealed record DeviceLinkRequestAnswer(
    LinkedDeviceAnswer Device, string? Address, DateTimeOffset RequestedAt, string? PublicKey);

/// <summary>A device that asks to be linked, as it describes itself.</summary>
public sealed record LinkedDeviceAnswer(string Name, string Platform, bool Ephemeral);
