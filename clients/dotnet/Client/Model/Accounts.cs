using System.Text.Json;

namespace ChatCqrs.Client;

/// <summary>A signed-in account and its device.</summary>
/// <param name="UserId">The person.</param>
/// <param name="DeviceId">The device.</param>
public sealed record Account(Guid UserId, Guid DeviceId);

/// <summary>A started registration.</summary>
/// <param name="RegistrationId">Its id.</param>
/// <param name="ExpiresAt">When the code ends.</param>
/// <param name="Code">The code itself, from a server in Development only; null else.</param>
public sealed record Registration(Guid RegistrationId, DateTimeOffset ExpiresAt, string? Code = null);

/// <summary>A person as everybody may see them.</summary>
/// <param name="UserId">The person.</param>
/// <param name="Name">Their name; null where they erased their account.</param>
/// <param name="About">What they say of themselves.</param>
/// <param name="Avatar">The file of their picture.</param>
public sealed record Profile(Guid UserId, string? Name, string? About = null, string? Avatar = null);

/// <summary>One's own profile.</summary>
/// <param name="UserId">The person.</param>
/// <param name="Phone">In E.164.</param>
/// <param name="Name">The name others see.</param>
/// <param name="About">What they say of themselves.</param>
/// <param name="Avatar">The file of their picture.</param>
/// <param name="CreatedAt">When they registered.</param>
public sealed record OwnProfile(
    Guid UserId, string Phone, string? Name, string? About, string? Avatar, DateTimeOffset CreatedAt);

/// <summary>A device of the signed-in account.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Name">Its name.</param>
/// <param name="Platform">Its platform.</param>
/// <param name="CreatedAt">When it was registered; null from servers that do not say.</param>
/// <param name="LastSeen">Its last use, to the minute.</param>
/// <param name="Current">Whether it is this one.</param>
/// <param name="Ephemeral">Whether it may lose its store at any time.</param>
public sealed record Device(
    Guid DeviceId, string? Name, string? Platform, DateTimeOffset? CreatedAt, DateTimeOffset? LastSeen, bool Current,
    bool Ephemeral = false);

/// <summary>Somebody found by their phone.</summary>
/// <param name="Phone">The phone that was asked for.</param>
/// <param name="UserId">The person.</param>
/// <param name="Name">Their name.</param>
public sealed record ContactMatch(string Phone, Guid UserId, string? Name);

/// <summary>The server's bounds and features. Decide by them, never by a version.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">Its version.</param>
/// <param name="ApiVersions">The versions of the contract that it speaks.</param>
/// <param name="Time">Its clock.</param>
/// <param name="Incarnation">Changes when entries that were acknowledged have been lost.</param>
/// <param name="Limits">Named bounds, such as <c>text_bytes</c>.</param>
/// <param name="Features">What it offers beyond the contract's core.</param>
public sealed record ServerInfo(
    string Name, string Version, IReadOnlyList<string> ApiVersions, DateTimeOffset Time, Guid Incarnation,
    JsonElement? Limits = null, IReadOnlyList<string>? Features = null);

/// <summary>A device that asks to be linked, as its person must see it before they approve.</summary>
/// <param name="Device">Its name and platform, as it says itself.</param>
/// <param name="Address">The network address that it asked from.</param>
/// <param name="RequestedAt">When it asked.</param>
public sealed record LinkRequest(LinkedDevice Device, string? Address, DateTimeOffset RequestedAt);

/// <summary>The device of a link.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Platform">Its platform.</param>
/// <param name="Ephemeral">Whether it may lose its store at any time.</param>
public sealed record LinkedDevice(string? Name, string? Platform, bool Ephemeral = false);

/// <summary>A signed address of a file, good without a token.</summary>
/// <param name="FileId">The file.</param>
/// <param name="Url">An absolute address.</param>
/// <param name="ExpiresAt">Until when it is good.</param>
public sealed record MediaLink(Guid FileId, Uri Url, DateTimeOffset ExpiresAt);
