using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Users;

/// <summary>A user's profile: the sealed part of an account.</summary>
public sealed record Profile
{
    public const int NameMax = 100;
    public const int AboutMax = 500;

    /// <summary>In E.164 form.</summary>
    public required string Phone { get; init; }

    public string? Name { get; init; }
    public string? About { get; init; }

    /// <summary>The id of an uploaded file that clients show as the picture.</summary>
    public string? Avatar { get; init; }

    /// <summary>The scope under which a user's profile is sealed.</summary>
    public static SealScope ScopeOf(UserId user) => new(null, user, null, null);

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, ProfileJson.Default.Profile);

    public static Profile FromBytes(ReadOnlySpan<byte> bytes) =>
        JsonSerializer.Deserialize(bytes, ProfileJson.Default.Profile)
            ?? throw new FormatException("A profile is empty.");
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Profile))]
internal sealed partial class ProfileJson : JsonSerializerContext;
