using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Accounts;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using static ChatCqrs.Infrastructure.Tests.Accounts.Given;

namespace ChatCqrs.Infrastructure.Tests.Accounts;

public sealed class JwtAccessTokensTests : IDisposable
{
    private static readonly UserId Ann = new(new Guid("00000000-0000-7000-8000-00000000000a"));
    private static readonly DeviceId Phone = new(new Guid("00000000-0000-7000-8000-0000000000d1"));
    private static readonly string[] Keys = [NewKey(), NewKey(), NewKey()];

    private readonly ManualClock _clock = new(Now);
    private readonly SignedInDevices _devices = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_token_says_who_calls_and_until_when()
    {
        var tokens = Tokens(Keys[0]);

        var check = await tokens.ValidateAsync(tokens.Issue(Ann, Phone, Roles.Admin | Roles.Auditor, 0), default);

        Assert.Equal(new AccessPrincipal(Ann, Phone, Roles.Admin | Roles.Auditor, Now.AddMinutes(15)), check.Principal);
        Assert.Null(check.Refusal);
    }

    [Fact]
    public void A_token_has_the_claims_that_are_promised()
    {
        var tokens = Tokens(Keys[0]);

        var jwt = new JsonWebToken(tokens.Issue(Ann, Phone, Roles.Auditor, 0));

        Assert.Equal(("ES256", "at+jwt", Ann.ToString()), (jwt.Alg, jwt.Typ, jwt.Subject));
        Assert.Equal(Phone.ToString(), jwt.GetPayloadValue<string>("device"));
        Assert.Equal(["auditor"], jwt.GetPayloadValue<string[]>("roles"));
        Assert.NotEmpty(jwt.Id);
        Assert.Equal(Now.AddMinutes(15).UtcDateTime, jwt.ValidTo);
    }

    [Fact]
    public async Task No_two_tokens_are_the_same()
    {
        var tokens = Tokens(Keys[0]);

        Assert.NotEqual(tokens.Issue(Ann, Phone, Roles.None, 0), tokens.Issue(Ann, Phone, Roles.None, 0));
        var check = await tokens.ValidateAsync(tokens.Issue(Ann, Phone, Roles.None, 0), default);
        Assert.Equal(Roles.None, check.Principal!.Roles);
    }

    [Fact]
    public async Task A_good_token_counts_as_used_with_its_generation_and_a_bad_one_does_not()
    {
        var tokens = Tokens(Keys[0]);
        var token = tokens.Issue(Ann, Phone, Roles.None, generation: 7);

        await tokens.ValidateAsync(token, default);
        await tokens.ValidateAsync(token[..^4] + "AAAA", default);
        _devices.SignedOut.Add(Phone);
        await tokens.ValidateAsync(token, default);
        _devices.SignedOut.Clear();
        _clock.Advance(TimeSpan.FromMinutes(15));
        await tokens.ValidateAsync(token, default);

        Assert.Equal([(Phone, 7L)], _devices.Used);
    }

    [Fact]
    public async Task A_token_from_before_generations_is_good_and_has_none()
    {
        var key = SigningKeys.Load(new TokenOptions { Keys = [Keys[0]] }).Newest;
        var token = Forge(new SigningCredentials(key, SecurityAlgorithms.EcdsaSha256), "chatcqrs", "at+jwt");

        Assert.NotNull((await Tokens(Keys[0]).ValidateAsync(token, default)).Principal);

        Assert.Equal([(Phone, -1L)], _devices.Used);
    }

    [Fact]
    public async Task A_token_ends_after_its_time_although_it_was_seen_before()
    {
        var tokens = Tokens(Keys[0]);
        var token = tokens.Issue(Ann, Phone, Roles.None, 0);
        _clock.Advance(TimeSpan.FromMinutes(15) - TimeSpan.FromTicks(1));
        Assert.NotNull((await tokens.ValidateAsync(token, default)).Principal);

        _clock.Advance(TimeSpan.FromTicks(1));

        Assert.Equal(Refusal.TokenExpired, (await tokens.ValidateAsync(token, default)).Refusal);
        Assert.Equal(Refusal.TokenExpired, (await Tokens(Keys[0]).ValidateAsync(token, default)).Refusal);
    }

    [Fact]
    public async Task A_token_ends_with_its_device_although_it_was_seen_before()
    {
        var tokens = Tokens(Keys[0]);
        var token = tokens.Issue(Ann, Phone, Roles.None, 0);
        Assert.NotNull((await tokens.ValidateAsync(token, default)).Principal);

        _devices.SignedOut.Add(Phone);

        Assert.Equal(Refusal.DeviceSignedOut, (await tokens.ValidateAsync(token, default)).Refusal);
    }

    [Fact]
    public async Task A_token_for_another_user_than_the_devices_owner_is_refused()
    {
        var tokens = Tokens(Keys[0]);
        var ben = new UserId(Guid.CreateVersion7());

        Assert.Equal(
            Refusal.DeviceSignedOut,
            (await tokens.ValidateAsync(tokens.Issue(ben, Phone, Roles.None, 0), default)).Refusal);
    }

    [Fact]
    public async Task A_token_is_refused_before_its_time_but_for_clocks_that_differ()
    {
        var tokens = Tokens(Keys[0]);
        var key = SigningKeys.Load(new TokenOptions { Keys = [Keys[0]] }).Newest;
        var signing = new SigningCredentials(key, SecurityAlgorithms.EcdsaSha256);
        var token = Forge(signing, "chatcqrs", "at+jwt", Now.AddMinutes(5));
        Assert.Equal(Refusal.TokenInvalid, (await tokens.ValidateAsync(token, default)).Refusal);

        _clock.Advance(TimeSpan.FromMinutes(4) - TimeSpan.FromTicks(1));
        Assert.Equal(Refusal.TokenInvalid, (await tokens.ValidateAsync(token, default)).Refusal);

        _clock.Advance(TimeSpan.FromTicks(1));
        Assert.NotNull((await tokens.ValidateAsync(token, default)).Principal);
    }

    [Fact]
    public async Task After_a_rotation_the_new_key_signs_and_the_old_one_still_verifies()
    {
        var old = Tokens(Keys[0]).Issue(Ann, Phone, Roles.None, 0);

        var rotated = Tokens(Keys[1], Keys[0]);

        Assert.NotNull((await rotated.ValidateAsync(old, default)).Principal);
        Assert.NotEqual(new JsonWebToken(old).Kid, new JsonWebToken(rotated.Issue(Ann, Phone, Roles.None, 0)).Kid);
        Assert.Equal(Refusal.TokenInvalid, (await Tokens(Keys[1]).ValidateAsync(old, default)).Refusal);
    }

    [Theory]
    [InlineData(null, "unauthenticated")]
    [InlineData("", "unauthenticated")]
    [InlineData("nonsense", "token_invalid")]
    [InlineData("a.b.c", "token_invalid")]
    [InlineData("eyJhbGciOiJub25lIn0.eyJzdWIiOiIwMDAwMDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMGEifQ.", "token_invalid")]
    public async Task What_is_no_token_is_refused(string? token, string code) =>
        Assert.Equal(code, (await Tokens(Keys[0]).ValidateAsync(token, default)).Refusal!.Code);

    [Fact]
    public async Task A_token_that_was_changed_is_refused()
    {
        var tokens = Tokens(Keys[0]);
        var parts = tokens.Issue(Ann, Phone, Roles.None, 0).Split('.');
        var claims = Encoding.UTF8.GetString(Base64UrlEncoder.DecodeBytes(parts[1]))
            .Replace("\"roles\":[]", "\"roles\":[\"admin\"]", StringComparison.Ordinal);
        Assert.Contains("admin", claims, StringComparison.Ordinal);

        var forged = $"{parts[0]}.{Base64UrlEncoder.Encode(claims)}.{parts[2]}";

        Assert.Equal(Refusal.TokenInvalid, (await tokens.ValidateAsync(forged, default)).Refusal);
        Assert.Equal(Refusal.TokenInvalid, (await tokens.ValidateAsync($"{parts[0]}.{parts[1]}.", default)).Refusal);
        Assert.Equal(Refusal.TokenInvalid, (await tokens.ValidateAsync(new string('a', 100_000), default)).Refusal);
    }

    [Fact]
    public async Task A_token_that_is_signed_with_the_public_key_as_a_shared_secret_is_refused()
    {
        var tokens = Tokens(Keys[0]);
        var kid = new JsonWebToken(tokens.Issue(Ann, Phone, Roles.None, 0)).Kid;
        using var key = ECDsa.Create();
        key.ImportFromPem(Keys[0]);
        var shared = new SymmetricSecurityKey(key.ExportSubjectPublicKeyInfo()) { KeyId = kid };

        var forged = Forge(new SigningCredentials(shared, SecurityAlgorithms.HmacSha256), "chatcqrs", "at+jwt");

        Assert.Equal(Refusal.TokenInvalid, (await tokens.ValidateAsync(forged, default)).Refusal);
    }

    [Theory]
    [InlineData("somebody-else", "at+jwt")]
    [InlineData("chatcqrs", "JWT")]
    public async Task A_token_for_another_purpose_is_refused(string issuer, string type)
    {
        var key = SigningKeys.Load(new TokenOptions { Keys = [Keys[0]] }).Newest;
        var forged = Forge(new SigningCredentials(key, SecurityAlgorithms.EcdsaSha256), issuer, type);

        Assert.Equal(Refusal.TokenInvalid, (await Tokens(Keys[0]).ValidateAsync(forged, default)).Refusal);
    }

    [Fact]
    public void The_key_set_holds_public_keys_under_their_thumbprints()
    {
        var tokens = Tokens(Keys[0], Keys[1]);

        using var set = JsonDocument.Parse(tokens.KeySet);
        var keys = set.RootElement.GetProperty("keys").EnumerateArray().ToArray();

        Assert.Equal(2, keys.Length);
        Assert.All(keys, key => Assert.Equal(
            ["kty", "crv", "use", "alg", "kid", "x", "y"], key.EnumerateObject().Select(member => member.Name)));
        var kid = new JsonWebToken(tokens.Issue(Ann, Phone, Roles.None, 0)).Kid;
        Assert.Equal(kid, keys[0].GetProperty("kid").GetString());
        var jwk = new Microsoft.IdentityModel.Tokens.JsonWebKey(keys[0].GetRawText());
        Assert.Equal(Base64UrlEncoder.Encode(jwk.ComputeJwkThumbprint()), jwk.Kid);
    }

    [Fact]
    public void Developments_key_is_made_once_and_is_its_owners_alone()
    {
        var path = Path.Combine(_folder, "keys", "token-keys.pem");

        SigningKeys.CreateIfMissing(path);
        var first = File.ReadAllText(path);
        SigningKeys.CreateIfMissing(path);

        Assert.Equal(first, File.ReadAllText(path));
        Assert.Single(SigningKeys.Load(new TokenOptions { KeyFile = path }).All);
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public void A_file_may_hold_several_keys()
    {
        var path = Path.Combine(_folder, "keys.pem");
        File.WriteAllText(path, $"The newest:\n{Keys[1]}\nThe one before:\n{Keys[0]}\n");

        Assert.Equal(
            SigningKeys.Load(new TokenOptions { Keys = [Keys[1], Keys[0]] }).All.Select(key => key.KeyId),
            SigningKeys.Load(new TokenOptions { KeyFile = path }).All.Select(key => key.KeyId));
    }

    private JwtAccessTokens Tokens(params string[] keys)
    {
        var options = new TokenOptions { Keys = keys };
        return new JwtAccessTokens(SigningKeys.Load(options), _devices, Options.Create(options), _clock);
    }

    private static string Forge(
        SigningCredentials signing, string issuer, string type, DateTimeOffset? notBefore = null) =>
        new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            TokenType = type,
            Issuer = issuer,
            Audience = issuer,
            NotBefore = (notBefore ?? Now).UtcDateTime,
            Expires = Now.AddMinutes(15).UtcDateTime,
            IssuedAt = Now.UtcDateTime,
            SigningCredentials = signing,
            Claims = new Dictionary<string, object>
            {
                ["sub"] = Ann.ToString(),
                ["device"] = Phone.ToString(),
                ["roles"] = Array.Empty<string>(),
            },
        });

    private static string NewKey()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return key.ExportPkcs8PrivateKeyPem();
    }

    /// <summary>All devices are Ann's and signed in, except those in <see cref="SignedOut"/>.</summary>
    private sealed class SignedInDevices : IDeviceSessions
    {
        public HashSet<DeviceId> SignedOut { get; } = [];

        public List<(DeviceId Device, long Generation)> Used { get; } = [];

        public event Action<UserId, DeviceId> Revoked
        {
            add => throw new NotSupportedException();
            remove => throw new NotSupportedException();
        }

        public ValueTask<bool> IsActiveAsync(UserId user, DeviceId device, CancellationToken cancellationToken) =>
            new(user == Ann && !SignedOut.Contains(device));

        public void Touch(DeviceId device)
        {
        }

        public ValueTask MarkUsedAsync(DeviceId device, long generation, CancellationToken cancellationToken)
        {
            Used.Add((device, generation));
            return ValueTask.CompletedTask;
        }

        public Task<RotationOutcome> RotateAsync(Rotation rotation, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task RevokeAsync(UserId user, DeviceId device, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<DeviceSession>> OfAsync(UserId user, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task RevokeAllAsync(UserId user, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<IReadOnlyDictionary<DeviceId, DateTimeOffset>> LastSeenAsync(
            UserId user, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<IReadOnlyDictionary<UserId, DateTimeOffset>> LastSeenAsync(
            IReadOnlyCollection<UserId> users, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}
