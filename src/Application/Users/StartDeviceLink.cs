using System.Buffers.Text;
using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Starts the link of a new device, which shows a QR code then. The code's secret part is the device's own: the server
/// never sees it. See docs/adr/0026-device-links.md.
/// </summary>
public static class StartDeviceLink
{
    /// <summary>The longest <c>public_key</c>, in characters.</summary>
    public const int PublicKeyMax = 1_024;

    internal const int SecretSize = 32;

    /// <summary>The body of <c>POST /v1/device-links</c>.</summary>
    public sealed record Body
    {
        public DeviceBody? Device { get; init; }

        /// <summary>The device's key for the payload, in base64 or base64url; null for none.</summary>
        public string? PublicKey { get; init; }
    }

    /// <param name="Address">The client's address, see <see cref="StartRegistration.Command"/>.</param>
    /// <param name="ShownAddress">The same as text, for the person who approves; null if unknown.</param>
    public sealed record Command(Body Body, ulong Address, string? ShownAddress) : IRequest<Result>;

    /// <param name="Secret">32 random bytes, in base64url: the device asks for its link with them.</param>
    public sealed record Result(Guid Link, string Secret, DateTimeOffset ExpiresAt);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Body.Device).NotNull().WithMessage(DeviceBody.Missing)
                .SetValidator(new DeviceBody.Validator()!).OverridePropertyName("device");
            RuleFor(c => c.Body.PublicKey).Must(key => key is null || IsKey(key))
                .WithMessage($"must be base64 or base64url of at most {PublicKeyMax} characters.")
                .OverridePropertyName("public_key");
        }

        private static bool IsKey(string text) => text.Length is > 0 and <= PublicKeyMax
            && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '+' or '/' or '-' or '_' or '=');
    }

    internal sealed class Handler(
        IDeviceLinks links, AccountSecrets secrets, LinkSeal seal, IOptions<DeviceLinkOptions> options,
        TimeProvider clock) : IRequestHandler<Command, Result>
    {
        /// <summary>The <c>Retry-After</c> where too many links are open: some have ended by then.</summary>
        private static readonly TimeSpan FullFor = TimeSpan.FromSeconds(30);

        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var now = DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());
            var (id, expiresAt) = (Guid.CreateVersion7(now), now + options.Value.Lifetime);
            var secret = RandomNumberGenerator.GetBytes(SecretSize);
            var device = request.Body.Device!;
            var content = await seal.SealAsync(
                id, expiresAt,
                new LinkRequest(
                    device.Name!, device.Platform!, device.Ephemeral is true, request.Body.PublicKey,
                    request.ShownAddress),
                cancellationToken);
            var link = new NewDeviceLink(
                id, new DeviceId(Guid.CreateVersion7(now)), SHA256.HashData(secret), content,
                await secrets.AddressKeyAsync(request.Address, cancellationToken), now, expiresAt);
            return await links.AddAsync(link, options.Value.OpenMax, cancellationToken)
                ? new Result(id, Base64Url.EncodeToString(secret), expiresAt)
                : throw new RefusedException(Refusal.RateLimited, FullFor);
        }
    }
}
