using System.Buffers.Binary;

namespace ChatCqrs.Verify.Formats;

/// <summary>A text with signatures (c2sp.org/signed-note@v1.0.0).</summary>
internal sealed record SignedNote(string Text, IReadOnlyList<NoteSignature> Signatures)
{
    /// <summary>Signatures of one note; the specification asks for at least 16.</summary>
    private const int SignaturesMax = 100;

    private const string SignatureStart = "\u2014 ";

    /// <exception cref="FormatException">The bytes are no note.</exception>
    public static SignedNote Parse(string note)
    {
        if (note.Any(c => c < ' ' && c != '\n'))
            throw new FormatException("a note has no control characters but line feeds");
        var end = note.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (end < 0)
            throw new FormatException("the empty line before the signatures is missing");
        var lines = new Lines(note[(end + 2)..]);
        var signatures = new List<NoteSignature>();
        while (!lines.IsAtEnd)
        {
            if (signatures.Count == SignaturesMax)
                throw new FormatException($"a note has more than {SignaturesMax} signatures");
            signatures.Add(SignatureOf(lines.Next()));
        }

        return signatures.Count > 0
            ? new SignedNote(note[..(end + 1)], signatures)
            : throw new FormatException("the note has no signature");
    }

    /// <summary>
    /// Checks the signatures of known keys. Those of others are passed over, even under the name of a known one.
    /// </summary>
    /// <returns>The keys that signed.</returns>
    /// <exception cref="FormatException">A known key's signature is wrong, or there is none of a known key.</exception>
    public IReadOnlyList<VerifierKey> Check(IReadOnlyCollection<VerifierKey> known)
    {
        var text = Lines.Bytes(Text);
        var signed = new List<VerifierKey>();
        foreach (var signature in Signatures)
        {
            var key = known.FirstOrDefault(key => key.Name == signature.Name && key.Id == signature.KeyId);
            if (key is null)
                continue;
            if (!key.HasSigned(text, signature.Bytes))
                throw new FormatException($"the signature of {key.Name} is wrong");
            signed.Add(key);
        }

        return signed.Count > 0
            ? signed
            : throw new FormatException($"nobody of {string.Join(", ", known.Select(key => key.Name))} has signed it");
    }

    /// <summary>Whether there is a signature line of a known key, right or wrong.</summary>
    public bool IsBy(IReadOnlyCollection<VerifierKey> known) => Signatures.Any(signature =>
        known.Any(key => key.Name == signature.Name && key.Id == signature.KeyId));

    private static NoteSignature SignatureOf(string line)
    {
        if (!line.StartsWith(SignatureStart, StringComparison.Ordinal))
            throw new FormatException("a line of a signature begins with a dash (U+2014) and a space");
        var parts = line[SignatureStart.Length..].Split(' ');
        if (parts.Length != 2 || !VerifierKey.IsName(parts[0]))
            throw new FormatException("a line of a signature has a name and base64");
        var bytes = CanonicalBase64.Decode(parts[1]);
        return bytes.Length > sizeof(uint)
            ? new NoteSignature(parts[0], BinaryPrimitives.ReadUInt32BigEndian(bytes), bytes[sizeof(uint)..])
            : throw new FormatException("a signature is too short");
    }
}

/// <param name="KeyId">The first four bytes; the others are the signature.</param>
internal sealed record NoteSignature(string Name, uint KeyId, byte[] Bytes);
