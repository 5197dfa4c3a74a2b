using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Infrastructure.Tests.Accounts;

/// <summary>Registrations and sign-ins for tests.</summary>
internal static class Given
{
    public static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    public static readonly Fingerprint Right = new(1);
    public static readonly Fingerprint Wrong = new(2);

    public static readonly AddressKey Here = new(1);
    public static readonly SealedContent Answer = new("hour-2026-01-02T05", new byte[] { 1, 2, 3 });

    /// <summary>An origin at an address, for a phone in Germany.</summary>
    public static CodeOrigin From(AddressKey address, DeviceId? device = null, string country = "49") =>
        new(address, device, country);

    public static PhoneKey NewPhone() => new(new PhoneKey(Random128()).Value);

    public static Registration NewRegistration(PhoneKey? phone = null, DateTimeOffset? createdAt = null) => new(
        Guid.NewGuid(), phone ?? NewPhone(), new UserId(Guid.CreateVersion7()), new DeviceId(Guid.CreateVersion7()),
        new SealedContent("hour-2026-01-02T05", RandomNumberGenerator.GetBytes(40)), Right,
        createdAt ?? Now, (createdAt ?? Now).AddMinutes(10));

    public static byte[] NewHash() => RandomNumberGenerator.GetBytes(32);

    /// <summary>Signs a device in.</summary>
    public static async Task<SignIn> SignedInAsync(
        AccountsDatabase database, UserId? user = null, PhoneKey? phone = null, AddressKey? address = null)
    {
        var registrations = database.Registrations();
        var registration = NewRegistration(phone);
        await registrations.AddAsync(registration, From(address ?? Here), CodeLimits.None, default);
        var owner = await registrations.ClaimPhoneAsync(registration.Phone, user ?? registration.User, Now, default);
        var signIn = new SignIn(
            owner, registration.Device, NewHash(), Now, Now.AddDays(90), address ?? Here);
        Assert.True(await registrations.CompleteAsync(registration.Id, signIn, Answer, default));
        return signIn;
    }

    private static UInt128 Random128()
    {
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }
}

/// <summary>A clock that only <see cref="Advance"/> moves.</summary>
internal sealed class ManualClock(DateTimeOffset now) : TimeProvider
{
    private long _ticks = now.UtcTicks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref _ticks), TimeSpan.Zero);

    public override long GetTimestamp() => Interlocked.Read(ref _ticks);

    public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
}
