using System.Globalization;

namespace ChatCqrs.Domain.Messages;

/// <summary>
/// The first 128 bits of a keyed hash over a message's content, or over how a group was started. Equal for a retry,
/// different for another content under the same id; useless for guessing the content without the key.
/// </summary>
public readonly record struct Fingerprint(UInt128 Value)
{
    /// <summary>32 hexadecimal digits.</summary>
    public override string ToString() => Value.ToString("x32", CultureInfo.InvariantCulture);

    /// <exception cref="FormatException">The text is no hexadecimal number of 128 bits.</exception>
    public static Fingerprint Parse(string hex) =>
        new(UInt128.Parse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
}
