using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Application.Json;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.DeviceKeys;

/// <summary>
/// What a user's devices are and which keys they sign with. The log of keys has a hash of its bytes, which have one
/// form only (docs/audit.md, "The log of keys"): JSON without white space, its members in the order of
/// <see cref="Wire"/>.
/// </summary>
/// <param name="User">Whose devices.</param>
/// <param name="Version">From 0; each statement of a user has one more than the one before.</param>
/// <param name="Previous">The leaf of the user's previous entry in the log of keys, 32 bytes; zeros for none.</param>
/// <param name="Devices">By id, each once; at most <see cref="Domain.Users.User.DevicesMax"/>, perhaps none.</param>
/// <param name="ApprovedBy">The device of the previous statement that approves this one; null for none.</param>
/// <param name="Approval">
/// That device's Ed25519 signature (RFC 8032) over <see cref="ToSign"/>, 64 bytes; null for none.
/// </param>
/// <param name="IsReset">Whether the user begins anew without an approval: contacts are warned.</param>
/// <param name="Salt">32 random bytes: who lacks the statement cannot test guesses against its hash.</param>
public sealed record DeviceStatement(
    UserId User, long Version, ReadOnlyMemory<byte> Previous, IReadOnlyList<ListedDevice> Devices,
    DeviceId? ApprovedBy, ReadOnlyMemory<byte>? Approval, bool IsReset, ReadOnlyMemory<byte> Salt)
{
    public const int HashSize = 32;
    public const int SaltSize = 32;
    public const int SignatureSize = 64;

    /// <summary>The most bytes of a statement.</summary>
    public const int BytesMax = 16 * 1024;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // Base64 has plus signs.
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        MaxDepth = 4,
        Converters = { new TimestampConverter() },
    };

    /// <summary>The statement that follows another, without an approval.</summary>
    /// <param name="last">The version of the user's newest statement, and its leaf; null for none.</param>
    public static DeviceStatement Next(
        UserId user, (long Version, ReadOnlyMemory<byte> Leaf)? last, IEnumerable<ListedDevice> devices,
        bool isReset = false) => new(
        user, last is { } known ? known.Version + 1 : 0, last?.Leaf ?? new byte[HashSize],
        [.. devices.OrderBy(device => device.Device.ToString(), StringComparer.Ordinal)], null, null, isReset,
        RandomNumberGenerator.GetBytes(SaltSize));

    /// <summary>Reads a statement's bytes.</summary>
    /// <exception cref="FormatException">They are no statement, or a statement in another form.</exception>
    public static DeviceStatement Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > BytesMax)
            throw new FormatException($"A statement has at most {BytesMax} bytes.");
        Wire wire;
        try
        {
            wire = JsonSerializer.Deserialize<Wire>(bytes, Json)
                ?? throw new FormatException("A statement is a JSON object.");
        }
        catch (JsonException exception)
        {
            throw new FormatException("The bytes are no statement.", exception);
        }

        if (wire.Devices.Any(device => device is null))
            throw new FormatException("A device is missing.");
        var statement = wire.ToStatement();
        statement.CheckForm();
        return statement.Encode().AsSpan().SequenceEqual(bytes)
            ? statement
            : throw new FormatException("The statement has another form than the one there is.");
    }

    /// <summary>The statement's bytes.</summary>
    public byte[] Encode() => JsonSerializer.SerializeToUtf8Bytes(Wire.Of(this), Json);

    /// <summary>What an approval signs: the statement's bytes without the member <c>approval</c>.</summary>
    public byte[] ToSign() => (this with { Approval = null }).Encode();

    /// <summary>The statement with another device's approval.</summary>
    public DeviceStatement Approved(DeviceId by, Func<byte[], byte[]> sign)
    {
        var signed = this with { ApprovedBy = by };
        return signed with { Approval = sign(signed.ToSign()) };
    }

    private void CheckForm()
    {
        if (Version < 0 || Previous.Length != HashSize || Salt.Length != SaltSize
            || Approval is { Length: not SignatureSize }
            || Devices.Any(device => device.SignatureKey.Length != ListedDevice.KeySize))
            throw new FormatException("The version is negative, or bytes are of another length.");
        if (Approval is null != ApprovedBy is null || (IsReset && Approval is not null))
            throw new FormatException("A statement has an approval and who gave it, or is a reset, or neither.");
        var ids = Devices.Select(device => device.Device.ToString()).ToList();
        if (ids.Count > Domain.Users.User.DevicesMax
            || !ids.Distinct().Order(StringComparer.Ordinal).SequenceEqual(ids))
            throw new FormatException($"There are up to {Domain.Users.User.DevicesMax} devices, by id, each once.");
    }

    /// <summary>The members in their order.</summary>
    private sealed record Wire(
        Guid UserId, long Version, byte[] Previous, IReadOnlyList<WireDevice> Devices,
        [property: JsonPropertyOrder(1)] byte[] Salt, Guid? ApprovedBy = null, byte[]? Approval = null,
        bool? Reset = null)
    {
        public static Wire Of(DeviceStatement statement) => new(
            statement.User.Value, statement.Version, statement.Previous.ToArray(),
            [
                .. statement.Devices.Select(device => new WireDevice(
                    device.Device.Value, device.SignatureKey.ToArray(), device.RegisteredAt)),
            ],
            statement.Salt.ToArray(), statement.ApprovedBy?.Value, statement.Approval?.ToArray(),
            statement.IsReset ? true : null);

        public DeviceStatement ToStatement() => new(
            new(UserId), Version, Previous,
            [
                .. Devices.Select(device => new ListedDevice(
                    new(device.DeviceId), device.SignatureKey, device.RegisteredAt)),
            ],
            ApprovedBy is { } id ? new DeviceId(id) : null,
            Approval is null ? (ReadOnlyMemory<byte>?)null : new ReadOnlyMemory<byte>(Approval), Reset == true, Salt);
    }

    private sealed record WireDevice(Guid DeviceId, byte[] SignatureKey, DateTimeOffset RegisteredAt);
}

/// <summary>A device in a statement.</summary>
/// <param name="SignatureKey">Its Ed25519 public key, 32 bytes (RFC 8032).</param>
/// <param name="RegisteredAt">When the key was registered, to the millisecond.</param>
public sealed record ListedDevice(DeviceId Device, ReadOnlyMemory<byte> SignatureKey, DateTimeOffset RegisteredAt)
{
    public const int KeySize = 32;

    /// <summary>Whether this is the same key of the same device.</summary>
    public bool IsKeyOf(ListedDevice other) =>
        Device == other.Device && SignatureKey.Span.SequenceEqual(other.SignatureKey.Span);
}
