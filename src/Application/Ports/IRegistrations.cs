using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Registrations under way and the claims of phones: what must be decided once for all nodes, in the database's transactions. Neither a
/// phone nor a code ever stands here: only keyed hashes of them, and content that is sealed.
/// </summary>
public interface IRegistrations
{
    /// <summary>Keeps a new registration, and forgets some that are long over.</summary>
    /// <param name="limits">How many codes the phone may be sent; null for any number.</param>
    /// <returns>Null when it is kept; else how long until the phone may be sent another code.</returns>
    Task<TimeSpan?> AddAsync(Registration registration, PhoneLimits? limits, CancellationToken cancellationToken);

    /// <summary>
    /// Counts a guess and says whether it is right, in one atomic step: however many guess at once, at most
    /// <paramref name="attemptsMax"/> wrong ones are ever compared. A right one does not count.
    /// </summary>
    Task<CodeCheck> CheckCodeAsync(
        Guid registration, Fingerprint code, int attemptsMax, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Takes a phone for a user if nobody has it. The claim counts for <see cref="IUsers.FindByPhoneAsync"/> from
    /// <see cref="CompleteAsync"/> on, when the user is in the log.
    /// </summary>
    /// <returns>Whose the phone is now.</returns>
    Task<UserId> ClaimPhoneAsync(PhoneKey phone, UserId user, DateTimeOffset now, CancellationToken cancellationToken);

    /// <returns>Whose the phone is; null when nobody has it or its user is not in the log yet.</returns>
    Task<UserId?> FindPhoneAsync(PhoneKey phone, CancellationToken cancellationToken);

    /// <summary>Whose the phones are, in one round trip; those that nobody has are left out, as in <see cref="FindPhoneAsync"/>.</summary>
    Task<IReadOnlyDictionary<PhoneKey, UserId>> FindPhonesAsync(IReadOnlyCollection<PhoneKey> phones, CancellationToken cancellationToken);

    /// <summary>Uses a registration up and signs its device in, in one transaction. The same sign-in again is true already.</summary>
    /// <returns>False when it was used up before, or the phone is not the user's any more; then nobody is signed in.</returns>
    Task<bool> CompleteAsync(Guid registration, SignIn signIn, CancellationToken cancellationToken);

    /// <summary>
    /// Lets a user's phone go, with every registration of it, and tells all nodes that the user is no more. From then on none of their devices is signed in
    /// by <see cref="CompleteAsync"/>; the phone can register anew.
    /// </summary>
    Task ForgetAsync(UserId user, CancellationToken cancellationToken);
}

/// <summary>A keyed hash of a phone number: tells whether two are the same, and no more.</summary>
public readonly record struct PhoneKey(UInt128 Value);

/// <param name="User">The user's id if the phone turns out to be new.</param>
/// <param name="Device">The id of the device that will be signed in.</param>
/// <param name="Content">Phone and name, sealed.</param>
public sealed record Registration(
    Guid Id, PhoneKey Phone, UserId User, DeviceId Device, SealedContent Content, Fingerprint Code, DateTimeOffset CreatedAt,
    DateTimeOffset ExpiresAt);

/// <param name="PerHour">Codes in any hour.</param>
/// <param name="PerDay">Codes in any 24 hours.</param>
public sealed record PhoneLimits(int PerHour, int PerDay);

/// <summary>A device that is signed in.</summary>
/// <param name="RefreshToken">The hash of its refresh token.</param>
/// <param name="RefreshExpiresAt">When that ends.</param>
public sealed record SignIn(
    UserId User, DeviceId Device, ReadOnlyMemory<byte> RefreshToken, DateTimeOffset Now, DateTimeOffset RefreshExpiresAt);

/// <summary>What a guess led to.</summary>
public abstract record CodeCheck
{
    private CodeCheck()
    {
    }

    public sealed record Right(Registration Registration) : CodeCheck;

    public sealed record Wrong : CodeCheck;

    /// <summary>Too many wrong codes, expired, or used up.</summary>
    public sealed record Over : CodeCheck;

    /// <summary>There is no such registration, or no longer.</summary>
    public sealed record Unknown : CodeCheck;
}
