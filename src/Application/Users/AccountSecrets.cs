using System.Buffers.Binary;
using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Hashes or seals phones, codes and tokens that belong to no account (yet), under keys derived from a secret of the
/// server's own.
/// </summary>
internal sealed class AccountSecrets(IContentSealer sealer)
{
    /// <summary>The owner of that secret. No user has this id: users' ids have version 7.</summary>
    private static readonly UserId Server = new(new Guid("00000000-0000-8000-8000-000000000001"));

    /// <summary>The bytes of a <see cref="Fingerprint"/>.</summary>
    private const int FingerprintSize = 16;

    /// <summary>How long a registration's phone and name stay readable after its expiry.</summary>
    private static readonly TimeSpan ContentKept = TimeSpan.FromHours(1);

    public async ValueTask<PhoneKey> PhoneKeyAsync(string phone, CancellationToken cancellationToken) =>
        new((await FingerprintAsync("phone", Encoding.UTF8.GetBytes(phone), cancellationToken)).Value);

    public ValueTask<Fingerprint> CodeAsync(Guid registration, string code, CancellationToken cancellationToken) =>
        FingerprintAsync(
            "code", [.. registration.ToByteArray(bigEndian: true), .. Encoding.UTF8.GetBytes(code)], cancellationToken);

    /// <param name="address">An IPv4 address, or the /56 of an IPv6 address.</param>
    public async ValueTask<AddressKey> AddressKeyAsync(ulong address, CancellationToken cancellationToken)
    {
        var bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, address);
        return new((await FingerprintAsync("address", bytes, cancellationToken)).Value);
    }

    /// <summary>Two devices are the same here if they describe themselves alike.</summary>
    public ValueTask<Fingerprint> DeviceAsync(DeviceBody device, CancellationToken cancellationToken)
    {
        var kind = device.Ephemeral is true ? "\0ephemeral" : "";
        return FingerprintAsync(
            "device", Encoding.UTF8.GetBytes($"{device.Name}\0{device.Platform}{kind}"), cancellationToken);
    }

    public ValueTask<Fingerprint> RefreshTokenAsync(ReadOnlyMemory<byte> token, CancellationToken cancellationToken) =>
        FingerprintAsync("refresh", token.Span, cancellationToken);

    /// <summary>
    /// The 32 secret bytes of the refresh token that follows <paramref name="token"/>: the same on every node, and
    /// known to nobody without the server's secret.
    /// </summary>
    public async ValueTask<byte[]> SuccessorAsync(ReadOnlyMemory<byte> token, CancellationToken cancellationToken)
    {
        var secret = new byte[2 * FingerprintSize];
        for (var half = 0; half < 2; half++)
        {
            var hash = await FingerprintAsync($"refresh-successor-{half}", token.Span, cancellationToken);
            BinaryPrimitives.WriteUInt128BigEndian(secret.AsSpan(half * FingerprintSize), hash.Value);
        }

        return secret;
    }

    public ValueTask<SealedContent> SealAsync(
        Guid registration, DateTimeOffset expiresAt, Profile profile, CancellationToken cancellationToken) =>
        sealer.SealAsync(ScopeOf(registration, expiresAt), profile.ToBytes(), cancellationToken);

    /// <returns>Null if it was shredded, which happens to all registrations some time after their expiry.</returns>
    public async ValueTask<Profile?> OpenAsync(Registration registration, CancellationToken cancellationToken) =>
        await sealer.OpenAsync(
            ScopeOf(registration.Id, registration.ExpiresAt), registration.Content, cancellationToken) is { } bytes
            ? Profile.FromBytes(bytes.Span)
            : null;

    /// <summary>Seals the answer of a registration, which takes the place of the profile.</summary>
    public ValueTask<SealedContent> SealAsync(
        Registration registration, SignedIn answer, CancellationToken cancellationToken) =>
        sealer.SealAsync(ScopeOf(registration.Id, registration.ExpiresAt), answer.ToBytes(), cancellationToken);

    /// <inheritdoc cref="OpenAsync(Registration, CancellationToken)"/>
    public async ValueTask<SignedIn?> OpenAnswerAsync(
        Registration registration, CancellationToken cancellationToken) =>
        await sealer.OpenAsync(
            ScopeOf(registration.Id, registration.ExpiresAt), registration.Content, cancellationToken) is { } bytes
            ? SignedIn.FromBytes(bytes.Span)
            : null;

    /// <summary>Seals what belongs to a device link.</summary>
    public ValueTask<SealedContent> SealAsync(
        Guid link, DateTimeOffset expiresAt, byte[] content, CancellationToken cancellationToken) =>
        sealer.SealAsync(ScopeOf(link, expiresAt), content, cancellationToken);

    /// <inheritdoc cref="OpenAsync(Registration, CancellationToken)"/>
    public ValueTask<ReadOnlyMemory<byte>?> OpenAsync(
        Guid link, DateTimeOffset expiresAt, SealedContent content, CancellationToken cancellationToken) =>
        sealer.OpenAsync(ScopeOf(link, expiresAt), content, cancellationToken);

    private static SealScope ScopeOf(Guid registration, DateTimeOffset expiresAt) =>
        new(expiresAt + ContentKept, Server, null, new MessageId(registration));

    private ValueTask<Fingerprint> FingerprintAsync(
        string purpose, ReadOnlySpan<byte> content, CancellationToken cancellationToken) =>
        sealer.FingerprintAsync(Server, (byte[])[.. Encoding.UTF8.GetBytes(purpose), 0, .. content], cancellationToken);
}
