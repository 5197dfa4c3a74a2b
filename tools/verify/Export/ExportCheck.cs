using ChatCqrs.Verify.Formats;

namespace ChatCqrs.Verify.Export;

/// <summary>
/// Checks an export offline: that the archive is what its manifest says and who signed that; then each conversation
/// (<see cref="ConversationCheck"/>). Reads the archive twice, and holds a line and some proofs at a time.
/// </summary>
/// <param name="tolerance">How far the server's clocks may differ.</param>
/// <param name="kept">How long the server keeps batches; heads of older ones are logged once more.</param>
internal sealed class ExportCheck(
    Stream file, IReadOnlyList<VerifierKey> keys, TimeSpan tolerance, TimeSpan kept, Report report)
{
    private const string Sums = "SHA256SUMS", Manifest = "manifest.note";

    /// <summary>The longest list of files, in bytes.</summary>
    private const int SumsMax = 32 * 1024 * 1024;

    private const int HexLength = 64;

    public void Run()
    {
        try
        {
            using var zip = new ExportZip(file);
            report.Heading("The archive");
            CheckFiles(zip);
            CheckManifest(zip);
            CheckKey(zip);
            var conversations = zip.Conversations().ToList();
            if (conversations.Count == 0)
                report.Failed("archive", "the archive", "it holds no conversation");
            foreach (var conversation in conversations)
                new ConversationCheck(zip, conversation, keys, tolerance, kept, report).Run();
        }
        catch (InvalidDataException fault)
        {
            report.Failed("archive", "the archive", fault.Message);
        }
    }

    /// <summary>Every file is listed with its hash, and every listed file is there.</summary>
    private void CheckFiles(ExportZip zip)
    {
        try
        {
            var listed = Listed(zip.Text(Sums, SumsMax));
            var faults = 0;
            foreach (var name in zip.Names.Where(name => name is not (Sums or Manifest)))
            {
                if (!listed.Remove(name, out var hash))
                    Fault(name, $"it is not in {Sums}");
                else if (zip.Sha256(name) != hash)
                    Fault(name, $"its SHA-256 is another than in {Sums}");
            }

            foreach (var name in listed.Keys)
                Fault(Sums, $"{name} is listed, but missing");
            if (faults == 0)
                report.Passed("files", $"{zip.Names.Count - 2} files have the hashes in {Sums}");

            void Fault(string name, string what)
            {
                faults++;
                report.Failed("files", name, what);
            }
        }
        catch (FormatException fault)
        {
            report.Failed("files", Sums, fault.Message);
        }
    }

    /// <summary>Lines of <c>sha256sum</c>: 64 hexadecimal digits, two spaces, the name.</summary>
    private static Dictionary<string, string> Listed(string text)
    {
        var (lines, listed) = (new Lines(text), new Dictionary<string, string>(StringComparer.Ordinal));
        while (!lines.IsAtEnd)
        {
            var line = lines.Next();
            if (line.Length < HexLength + 3 || line[..HexLength].Any(c => !char.IsAsciiHexDigitLower(c))
                || line[HexLength..(HexLength + 2)] != "  "
                || !listed.TryAdd(line[(HexLength + 2)..], line[..HexLength]))
                throw new FormatException($"line {listed.Count + 1} is no line of sha256sum, or repeats a name");
        }

        return listed;
    }

    /// <summary>The list of files is signed by the log's key, under the name of its exports.</summary>
    private void CheckManifest(ExportZip zip)
    {
        try
        {
            var note = SignedNote.Parse(zip.Text(Manifest, SumsMax + Checkpoint.BytesMax));
            var signed = note.Check([.. keys.Select(key => key.Named(key.Name + "/export"))])[0];
            if (note.Text != $"{signed.Name}\n{zip.Text(Sums, SumsMax)}")
                throw new FormatException($"what is signed is another list than {Sums}");
            report.Passed("signature", $"{Sums} is signed by {signed.Name}");
        }
        catch (FormatException fault)
        {
            report.Failed("signature", Manifest, fault.Message);
        }
    }

    /// <summary>The export's own key is no reason to trust it, but should be one of those given.</summary>
    private void CheckKey(ExportZip zip)
    {
        try
        {
            var own = VerifierKey.Parse(zip.Text("vkey", Checkpoint.BytesMax));
            if (keys.All(key => key.ToString() != own.ToString()))
                throw new FormatException("the export names another key than the one given");
        }
        catch (FormatException fault)
        {
            report.Failed("key", "vkey", fault.Message);
        }
    }
}
