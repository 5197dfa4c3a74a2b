using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace ChatCqrs.Infrastructure.Accounts;

/// <inheritdoc cref="IAccessTokens"/>
/// <remarks>
/// Each node caches verified tokens by hash and verifies a signature once. It checks expiry and device on every call.
/// </remarks>
internal sealed class JwtAccessTokens : IAccessTokens
{
    /// <summary>The type of an access token (RFC 9068, section 2.1).</summary>
    private const string TokenType = "at+jwt";

    private const string DeviceClaim = "device";
    private const string RolesClaim = "roles";
    private const string GenerationClaim = "gen";

    /// <summary>The generation of a token from before generations: nothing needs to know that it was used.</summary>
    private const long NoGeneration = -1;

    /// <summary>Longer than any token that this server issues.</summary>
    private const int LengthMax = 2_048;

    private const int TokensMax = 50_000;

    /// <summary>
    /// How much sooner than its <c>nbf</c> a token is good: the clocks of two nodes differ (RFC 7519, section 4.1.5).
    /// </summary>
    private static readonly TimeSpan EarlyMax = TimeSpan.FromMinutes(1);

    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false };
    private readonly RecentlyUsed<TokenHash, Verified> _verified = new(TokensMax);
    private readonly SigningKeys _keys;
    private readonly SigningCredentials _signing;
    private readonly TokenValidationParameters _rules;
    private readonly IDeviceSessions _sessions;
    private readonly TimeProvider _clock;
    private readonly string _issuer;

    public JwtAccessTokens(
        SigningKeys keys, IDeviceSessions sessions, IOptions<TokenOptions> options, TimeProvider clock)
    {
        _keys = keys;
        _sessions = sessions;
        _clock = clock;
        _issuer = options.Value.Issuer;
        Lifetime = TimeSpan.FromMinutes(options.Value.AccessMinutes);
        _signing = new SigningCredentials(keys.Newest, SecurityAlgorithms.EcdsaSha256);
        _rules = new TokenValidationParameters
        {
            ValidIssuer = _issuer,
            ValidAudience = _issuer,
            ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
            ValidTypes = [TokenType],
            IssuerSigningKeys = keys.All,
            TryAllIssuerSigningKeys = false,
            RequireExpirationTime = true,
            ValidateLifetime = false, // ValidateAsync checks it on every call, with the injected clock.
        };
    }

    public TimeSpan Lifetime { get; }

    public ReadOnlyMemory<byte> KeySet => _keys.KeySet;

    public string Issue(UserId user, DeviceId device, Roles roles, long generation)
    {
        var now = _clock.GetUtcNow().UtcDateTime;
        return _handler.CreateToken(new SecurityTokenDescriptor
        {
            TokenType = TokenType,
            Issuer = _issuer,
            Audience = _issuer,
            IssuedAt = now,
            NotBefore = now,
            Expires = now + Lifetime,
            SigningCredentials = _signing,
            Claims = new Dictionary<string, object>
            {
                [JwtRegisteredClaimNames.Sub] = user.ToString(),
                [JwtRegisteredClaimNames.Jti] = Guid.CreateVersion7().ToString(),
                [DeviceClaim] = device.ToString(),
                [RolesClaim] = NamesOf(roles),
                [GenerationClaim] = generation,
            },
        });
    }

    public async ValueTask<AccessCheck> ValidateAsync(string? token, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(token))
            return Refusal.Unauthenticated;
        if (token.Length > LengthMax)
            return Refusal.TokenInvalid;
        var hash = TokenHash.Of(token);
        if (!_verified.TryGet(hash, out var verified))
        {
            if (await VerifyAsync(token) is not { } good)
                return Refusal.TokenInvalid;
            verified = good;
            _verified.Set(hash, verified);
        }

        var (principal, now) = (verified.Principal, _clock.GetUtcNow());
        if (verified.ValidFrom > now + EarlyMax)
            return Refusal.TokenInvalid;
        if (principal.ExpiresAt <= now)
            return Refusal.TokenExpired;
        if (!await _sessions.IsActiveAsync(principal.User, principal.Device, cancellationToken))
            return Refusal.DeviceSignedOut;
        await _sessions.MarkUsedAsync(principal.Device, verified.Generation, cancellationToken);
        _sessions.Touch(principal.Device);
        return principal;
    }

    private async ValueTask<Verified?> VerifyAsync(string token)
    {
        var result = await _handler.ValidateTokenAsync(token, _rules);
        if (!result.IsValid || result.SecurityToken is not JsonWebToken jwt
            || !Guid.TryParse(jwt.Subject, out var user)
            || !jwt.TryGetPayloadValue<string>(DeviceClaim, out var deviceText)
            || !Guid.TryParse(deviceText, out var device))
            return null;
        var roles = jwt.TryGetPayloadValue<string[]>(RolesClaim, out var names) ? names : [];
        var principal = new AccessPrincipal(
            new UserId(user), new DeviceId(device), RolesOf(roles), new DateTimeOffset(jwt.ValidTo, TimeSpan.Zero));
        var generation = jwt.TryGetPayloadValue<long>(GenerationClaim, out var stated) ? stated : NoGeneration;
        return new Verified(principal, new DateTimeOffset(jwt.ValidFrom, TimeSpan.Zero), generation);
    }

    private static string[] NamesOf(Roles roles) =>
    [
        .. Enum.GetValues<Roles>()
            .Where(role => role != Roles.None && roles.HasFlag(role))
            .Select(role => role.ToString().ToLowerInvariant()),
    ];

    private static Roles RolesOf(string[] names) => names.Aggregate(
        Roles.None, (roles, name) => Enum.TryParse<Roles>(name, ignoreCase: true, out var role) ? roles | role : roles);

    /// <summary>A token whose signature is right.</summary>
    /// <param name="ValidFrom">Its <c>nbf</c>, UTC; the smallest time if it has none.</param>
    private sealed record Verified(AccessPrincipal Principal, DateTimeOffset ValidFrom, long Generation);

    /// <summary>The SHA-256 of a token; tokens themselves do not stay in memory.</summary>
    private readonly record struct TokenHash(UInt128 High, UInt128 Low)
    {
        public static TokenHash Of(string token)
        {
            Span<byte> bytes = stackalloc byte[Encoding.UTF8.GetMaxByteCount(LengthMax)];
            Span<TokenHash> hash = stackalloc TokenHash[1];
            SHA256.HashData(bytes[..Encoding.UTF8.GetBytes(token, bytes)], MemoryMarshal.AsBytes(hash));
            return hash[0];
        }
    }
}
