using System.Security.Cryptography;
using System.Text;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>A text with signatures (c2sp.org/signed-note@v1.0.0).</summary>
/// <param name="Text">What is signed, with its last newline.</param>
/// <param name="Signatures">At least one.</param>
internal sealed record SignedNote(string Text, IReadOnlyList<NoteSignature> Signatures)
{
    /// <summary>An em dash and a space.</summary>
    public const string Dash = "\u2014 ";

    /// <summary>The most signatures; the format asks for at least 16.</summary>
    public const int SignaturesMax = 64;

    /// <summary>The most bytes of a note.</summary>
    public const int SizeMax = 64 * 1024;

    /// <exception cref="FormatException">It is no signed note, or larger than the bounds.</exception>
    public static SignedNote Parse(ReadOnlySpan<byte> note)
    {
        if (note.Length > SizeMax)
            throw new FormatException($"A note has at most {SizeMax} bytes.");
        return Parse(TextLines.Decode(note));
    }

    /// <inheritdoc cref="Parse(ReadOnlySpan{byte})"/>
    public static SignedNote Parse(string note)
    {
        var split = note.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (split < 0)
            throw new FormatException("A note has an empty line before its signatures.");
        var (text, lines) = (note[..(split + 1)], new TextLines(note[(split + 2)..]));
        _ = new TextLines(text); // Checks its characters.
        var signatures = new List<NoteSignature>();
        while (lines.HasNext)
        {
            if (signatures.Count == SignaturesMax)
                throw new FormatException($"A note has at most {SignaturesMax} signatures.");
            signatures.Add(NoteSignature.Parse(lines.Next()));
        }

        return new SignedNote(text, signatures);
    }

    /// <summary>Signs a text that ends with a newline.</summary>
    public static SignedNote Sign(string text, params IReadOnlyList<NoteSigner> signers) =>
        new(text, [.. signers.Select(signer => signer.Sign(text))]);

    /// <summary>
    /// Which of the known keys have signed. Signatures of other keys do not count, and a cosignature counts only if
    /// it is of the note's text (<see cref="Cosignature"/>).
    /// </summary>
    /// <returns>At least one.</returns>
    /// <exception cref="CryptographicException">
    /// A signature of a known key is wrong, or none of the known keys has signed.
    /// </exception>
    public IReadOnlyList<VerifierKey> Verify(params IReadOnlyCollection<VerifierKey> known)
    {
        var verified = new List<VerifierKey>();
        foreach (var signature in Signatures)
        {
            var key = known.FirstOrDefault(key => key.Name == signature.Name && key.Id == signature.KeyId);
            if (key is null || verified.Contains(key))
                continue;
            if (!IsOf(signature, key))
                throw new CryptographicException($"The signature of {key.Name} is wrong.");
            verified.Add(key);
        }

        return verified.Count > 0
            ? verified
            : throw new CryptographicException("The note has no signature of a known key.");
    }

    /// <summary>The note as it is sent.</summary>
    public override string ToString()
    {
        var note = new StringBuilder(Text).Append('\n');
        foreach (var signature in Signatures)
            note.Append(signature).Append('\n');
        return note.ToString();
    }

    private bool IsOf(NoteSignature signature, VerifierKey key) => key.Type switch
    {
        SignatureType.Note => key.Verifies(Encoding.UTF8.GetBytes(Text), signature.Bytes.Span),
        _ => Cosignature.IsValid(Text, signature, key),
    };
}
