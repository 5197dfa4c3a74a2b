using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;

namespace ChatCqrs.Application.Json;

/// <summary>
/// One text for each JSON value, whatever the order of its names, white space, escapes and spelling of numbers: the
/// JSON Canonicalization Scheme (RFC 8785). Numbers that a double cannot hold keep their exact value instead: RFC 8785
/// would round them, and two different ids of 64 bits would become one.
/// </summary>
internal static class CanonicalJson
{
    /// <summary>The most digits of a whole number that RFC 8785 certainly does not round.</summary>
    private const int ExactDigits = 15;

    /// <summary>The text of a value, in UTF-8.</summary>
    /// <param name="element">Well-formed Unicode; bounded in depth by its reader.</param>
    public static byte[] ToBytes(JsonElement element)
    {
        var text = new StringBuilder();
        Write(text, element);
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static void Write(StringBuilder text, JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                WriteObject(text, element);
                break;
            case JsonValueKind.Array:
                text.Append('[');
                foreach (var item in element.EnumerateArray())
                {
                    Separate(text, '[');
                    Write(text, item);
                }

                text.Append(']');
                break;
            case JsonValueKind.String:
                WriteText(text, element.GetString()!);
                break;
            case JsonValueKind.Number:
                text.Append(NumberOf(element.GetRawText()));
                break;
            default:
                text.Append(element.GetRawText()); // true, false or null
                break;
        }
    }

    /// <summary>Names in the order of their UTF-16 code units (section 3.2.3).</summary>
    private static void WriteObject(StringBuilder text, JsonElement element)
    {
        text.Append('{');
        foreach (var member in element.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal))
        {
            Separate(text, '{');
            WriteText(text, member.Name);
            text.Append(':');
            Write(text, member.Value);
        }

        text.Append('}');
    }

    private static void Separate(StringBuilder text, char start)
    {
        if (text[^1] != start)
            text.Append(',');
    }

    /// <summary>Escapes as little as JSON allows (section 3.2.2.2).</summary>
    private static void WriteText(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\b' => text.Append("\\b"),
                '\t' => text.Append("\\t"),
                '\n' => text.Append("\\n"),
                '\f' => text.Append("\\f"),
                '\r' => text.Append("\\r"),
                < ' ' => text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => text.Append(c),
            };
        }

        text.Append('"');
    }

    /// <summary>A number as ECMAScript writes it (section 3.2.2.3), or exactly.</summary>
    /// <param name="literal">A number in JSON's grammar.</param>
    internal static string NumberOf(string literal)
    {
        var exact = Decimal.Parse(literal);
        if (exact.Digits.Length == 0)
            return "0"; // Also -0, see section 3.2.2.3.
        var value = double.Parse(literal, CultureInfo.InvariantCulture);
        var isLong = exact.Exponent.Sign >= 0 && exact.Digits.Length + exact.Exponent > ExactDigits;
        return isLong || value == 0 || !double.IsFinite(value)
            ? exact.ToString()
            : EcmaScript(Decimal.Parse(value.ToString("R", CultureInfo.InvariantCulture)));
    }

    /// <summary>ECMAScript's <c>Number::toString</c> with radix 10, steps 6 to 12.</summary>
    /// <param name="shortest">The fewest digits that name the double.</param>
    private static string EcmaScript(Decimal shortest)
    {
        var (digits, k) = (shortest.Digits, shortest.Digits.Length);
        var n = k + (int)shortest.Exponent;
        var sign = shortest.IsNegative ? "-" : "";
        return sign + (n switch
        {
            > 21 => Scientific(),
            > 0 when k <= n => digits + new string('0', n - k),
            > 0 => digits[..n] + "." + digits[n..],
            > -6 => "0." + new string('0', -n) + digits,
            _ => Scientific(),
        });

        string Scientific() => digits[..1] + (k > 1 ? "." + digits[1..] : "") + "e"
            + (n > 0 ? "+" : "-") + Math.Abs(n - 1).ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>A decimal number: digits times ten to the power of the exponent.</summary>
    /// <param name="Digits">Neither begin nor end with 0; none for zero.</param>
    private readonly record struct Decimal(bool IsNegative, string Digits, BigInteger Exponent)
    {
        public static Decimal Parse(string literal)
        {
            var mark = literal.IndexOfAny(['e', 'E']);
            var exponent = mark < 0
                ? BigInteger.Zero
                : BigInteger.Parse(
                    literal.AsSpan(mark + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
            var mantissa = (mark < 0 ? literal : literal[..mark]).TrimStart('-');
            var point = mantissa.IndexOf('.', StringComparison.Ordinal);
            if (point >= 0)
            {
                exponent -= mantissa.Length - point - 1;
                mantissa = mantissa.Remove(point, 1);
            }

            var digits = mantissa.TrimEnd('0');
            exponent += mantissa.Length - digits.Length;
            return new Decimal(literal[0] == '-', digits.TrimStart('0'), exponent);
        }

        /// <summary>A form that <see cref="EcmaScript"/> never writes.</summary>
        public override string ToString() =>
            (IsNegative ? "-" : "") + Digits + "E" + Exponent.ToString(CultureInfo.InvariantCulture);
    }
}
