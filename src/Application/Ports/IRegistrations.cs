using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Pending registrations and claims of phones, decided once for all nodes in the database's transactions. Phones and
/// codes are stored as keyed hashes only, other content sealed.
/// </summary>
public interface IRegistrations
{
    /// <summary>Adds a registration, and removes some that ended long ago.</summary>
    /// <param name="limits">The limits of codes sent to the phone; null for none.</param>
    /// <returns>Null if added; otherwise how long until the phone may be sent another code.</returns>
    Task<TimeSpan?> AddAsync(Registration registration, PhoneLimits? limits, CancellationToken cancellationToken);

    /// <summary>
    /// Counts a guess and compares it, in one atomic step: however many guesses come at once, at most
    /// <paramref name="attemptsMax"/> wrong ones are compared. Right guesses do not count.
    /// </summary>
    Task<CodeCheck> CheckCodeAsync(
        Guid registration, Fingerprint code, int attemptsMax, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Claims a phone for a user if it is free. <see cref="FindPhoneAsync"/> sees the claim from
    /// <see cref="CompleteAsync"/> on, when the user is in the log.
    /// </summary>
    /// <returns>The phone's user now.</returns>
    Task<UserId> ClaimPhoneAsync(PhoneKey phone, UserId user, DateTimeOffset now, CancellationToken cancellationToken);

    /// <returns>The phone's user; null if nobody has it or its user is not in the log yet.</returns>
    Task<UserId?> FindPhoneAsync(PhoneKey phone, CancellationToken cancellationToken);

    /// <summary>
    /// The phones' users, in one query; phones without a user are left out, as in <see cref="FindPhoneAsync"/>.
    /// </summary>
    Task<IReadOnlyDictionary<PhoneKey, UserId>> FindPhonesAsync(
        IReadOnlyCollection<PhoneKey> phones, CancellationToken cancellationToken);

    /// <summary>
    /// Completes a registration and signs its device in, in one transaction. Repeating the same sign-in succeeds.
    /// </summary>
    /// <returns>
    /// False if it was completed before or the phone is no longer the user's; then nobody is signed in.
    /// </returns>
    Task<bool> CompleteAsync(Guid registration, SignIn signIn, CancellationToken cancellationToken);

    /// <summary>
    /// Releases a user's phone, removes its registrations, and tells all nodes that the user no longer exists. From
    /// then on <see cref="CompleteAsync"/> signs none of the user's devices in; the phone can register anew.
    /// </summary>
    Task ForgetAsync(UserId user, CancellationToken cancellationToken);
}

/// <summary>A keyed hash of a phone number: reveals equality, nothing else.</summary>
public readonly record struct PhoneKey(UInt128 Value);

/// <param name="User">The user's id if the phone is new.</param>
/// <param name="Device">The id of the device to sign in.</param>
/// <param name="Code">A keyed hash of the code.</param>
/// <param name="Content">Phone and name, sealed.</param>
/// <summary>A pending registration of a device.</summary>
public sealed record Registration(
    Guid Id, PhoneKey Phone, UserId User, DeviceId Device, SealedContent Content, Fingerprint Code,
    DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt);

/// <param name="PerHour">Codes in any hour.</param>
/// <param name="PerDay">Codes in any 24 hours.</param>
/// <summary>Limits of codes sent to one phone.</summary>
public sealed record PhoneLimits(int PerHour, int PerDay);

/// <summary>A device to sign in.</summary>
/// <param name="RefreshToken">The hash of its refresh token.</param>
/// <param name="RefreshExpiresAt">When the refresh token expires, UTC.</param>
public sealed record SignIn(
    UserId User, DeviceId Device, ReadOnlyMemory<byte> RefreshToken, DateTimeOffset Now,
    DateTimeOffset RefreshExpiresAt);

/// <summary>The result of a guess.</summary>
public abstract record CodeCheck
{
    private CodeCheck()
    {
    }

    public sealed record Right(Registration Registration) : CodeCheck;

    public sealed record Wrong : CodeCheck;

    /// <summary>Too many wrong codes, expired, or completed before.</summary>
    public sealed record Over : CodeCheck;

    /// <summary>There is no such registration.</summary>
    public sealed record Unknown : CodeCheck;
}
