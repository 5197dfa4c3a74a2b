using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Pending registrations and claims of phones, decided once for all nodes in the database's transactions. Phones and
/// codes are stored as keyed hashes only, other content sealed.
/// </summary>
public interface IRegistrations
{
    /// <summary>
    /// Adds a registration, ends the phone's earlier ones, and removes some that ended long ago. However many are added
    /// at once, on any node, the limits hold exactly.
    /// </summary>
    /// <returns>Null if added; otherwise the limit that refused it: then nothing has changed.</returns>
    Task<CodeRefused?> AddAsync(
        Registration registration, CodeOrigin origin, CodeLimits limits, CancellationToken cancellationToken);

    /// <summary>
    /// Counts a guess and compares it, in one atomic step: however many guesses come at once, at most
    /// <paramref name="attemptsMax"/> wrong ones are compared. Right guesses do not count.
    /// </summary>
    /// <param name="device">
    /// A keyed hash of the description of the device. The first right guess decides which device it is: for another one
    /// the registration is over.
    /// </param>
    Task<CodeCheck> CheckCodeAsync(
        Guid registration, Fingerprint code, Fingerprint device, int attemptsMax, DateTimeOffset now,
        CancellationToken cancellationToken);

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
    /// <param name="answer">
    /// The answer, sealed. It takes the place of the registration's content, see <see cref="CodeCheck.Answered"/>.
    /// </param>
    /// <returns>
    /// False if it was completed before or the phone is no longer the user's; then nobody is signed in. A newer code does
    /// not stop it: the guess was right when it was made.
    /// </returns>
    Task<bool> CompleteAsync(
        Guid registration, SignIn signIn, SealedContent answer, CancellationToken cancellationToken);

    /// <summary>
    /// Releases a user's phone, removes its registrations, its device links and the addresses that devices signed in
    /// from, and tells all nodes that the user no longer exists. From then on <see cref="CompleteAsync"/> and
    /// <see cref="IDeviceLinks.CompleteAsync"/> sign none of the user's devices in; the phone can register anew.
    /// </summary>
    Task ForgetAsync(UserId user, CancellationToken cancellationToken);
}

/// <summary>A keyed hash of a phone number: reveals equality, nothing else.</summary>
public readonly record struct PhoneKey(UInt128 Value);

/// <summary>A keyed hash of a client's address: reveals equality, nothing else.</summary>
public readonly record struct AddressKey(UInt128 Value);

/// <param name="User">The user's id if the phone is new.</param>
/// <param name="Device">The id of the device to sign in.</param>
/// <param name="Code">A keyed hash of the code.</param>
/// <param name="Content">Phone and name, sealed.</param>
/// <summary>A pending registration of a device.</summary>
public sealed record Registration(
    Guid Id, PhoneKey Phone, UserId User, DeviceId Device, SealedContent Content, Fingerprint Code,
    DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt);

/// <param name="Device">
/// A device that has proven who it is by a refresh token of its own, also one that has ended; null for none.
/// </param>
/// <param name="Country">The country code of the phone (ITU-T E.164): 1 to 3 digits.</param>
/// <summary>Who asks for a code, and where to.</summary>
public sealed record CodeOrigin(AddressKey Address, DeviceId? Device, string Country);

/// <param name="Phones">Null for none.</param>
/// <param name="Texts">Null for none.</param>
/// <summary>The limits of codes.</summary>
public sealed record CodeLimits(PhoneLimits? Phones, TextLimits? Texts)
{
    public static readonly CodeLimits None = new(null, null);
}

/// <param name="PerHour">Codes in any hour.</param>
/// <param name="PerDay">Codes in any 24 hours.</param>
/// <param name="PerAddressAndHour">Of these, from one address.</param>
/// <param name="PerAddressAndDay">Of these, from one address.</param>
/// <summary>
/// Limits of codes sent to one phone, so that its code cannot be guessed. They hold for each kind of origin by itself,
/// so that nobody else can use up what is the owner's: devices that signed in to the phone's account before, addresses
/// from which one did, and others. Only the others are limited by address, too.
/// </summary>
public sealed record PhoneLimits(int PerHour, int PerDay, int PerAddressAndHour, int PerAddressAndDay);

/// <param name="PerHour">Texts in any hour of the clock, UTC.</param>
/// <param name="PerCountryAndHour">Of these, to phones of one country code.</param>
/// <summary>
/// Limits of all texts, because they cost money. A fifth is kept for devices and addresses that signed in before.
/// </summary>
public sealed record TextLimits(int PerHour, int PerCountryAndHour);

/// <summary>A code that may not be sent now.</summary>
/// <param name="RetryAfter">How long until the limit may admit another one; at least a second.</param>
public sealed record CodeRefused(CodeLimit By, TimeSpan RetryAfter);

/// <summary>A limit of codes; see <see cref="PhoneLimits"/> and <see cref="TextLimits"/>.</summary>
public enum CodeLimit
{
    Phone,
    Address,
    Country,
    Total,
}

/// <summary>A device to sign in.</summary>
/// <param name="RefreshToken">The hash of its refresh token.</param>
/// <param name="RefreshExpiresAt">When the refresh token expires, UTC.</param>
/// <param name="Address">Where it signs in from.</param>
public sealed record SignIn(
    UserId User, DeviceId Device, ReadOnlyMemory<byte> RefreshToken, DateTimeOffset Now,
    DateTimeOffset RefreshExpiresAt, AddressKey Address)
{
    /// <summary>The generation of a sign-in's own tokens, see <see cref="IDeviceSessions.MarkUsedAsync"/>.</summary>
    public const long FirstGeneration = 0;
}

/// <summary>The result of a guess.</summary>
public abstract record CodeCheck
{
    private CodeCheck()
    {
    }

    public sealed record Right(Registration Registration) : CodeCheck;

    public sealed record Wrong : CodeCheck;

    /// <summary>
    /// The right code again, for the same device, within <see cref="AnsweredFor"/> of the sign-in: its answer may have
    /// been lost. Nobody has revoked the tokens yet.
    /// </summary>
    /// <param name="Registration">Its content is the answer.</param>
    public sealed record Answered(Registration Registration) : CodeCheck
    {
        /// <summary>How long the same answer can be had again.</summary>
        public static readonly TimeSpan AnsweredFor = TimeSpan.FromMinutes(1);
    }

    /// <summary>
    /// Too many wrong codes, expired, completed before, for another device, or ended by a newer code.
    /// </summary>
    public sealed record Over : CodeCheck;

    /// <summary>There is no such registration.</summary>
    public sealed record Unknown : CodeCheck;
}
