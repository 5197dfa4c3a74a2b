using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using ChatCqrs.Verify.Formats;

namespace ChatCqrs.Verify.Export;

/// <summary>
/// An export's archive. Nothing is ever unpacked to a disk; entries are read as streams, and never beyond the size that
/// the archive states.
/// </summary>
internal sealed partial class ExportZip : IDisposable
{
    private const int EntriesMax = 100_000;

    /// <summary>
    /// The most bytes that come out of a byte of the archive, over all files. A zip bomb has a thousand times as many,
    /// or more; real exports have ten to thirty.
    /// </summary>
    private const int ExpansionMax = 200;

    /// <summary>Below this size, in bytes, no expansion is too large.</summary>
    private const long ExpansionFrom = 16 * 1024 * 1024;

    private readonly ZipArchive _archive;
    private readonly Dictionary<string, ZipArchiveEntry> _entries = new(StringComparer.Ordinal);

    /// <exception cref="InvalidDataException">It is no zip, or one that is refused.</exception>
    public ExportZip(Stream file)
    {
        _archive = new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: true);
        long size = 0;
        foreach (var entry in _archive.Entries)
        {
            if (!Known().IsMatch(entry.FullName))
                throw new InvalidDataException($"it holds a file that no export has: {Shortened(entry.FullName)}");
            if (!_entries.TryAdd(entry.FullName, entry))
                throw new InvalidDataException($"{entry.FullName} stands twice in it");
            if (_entries.Count > EntriesMax)
                throw new InvalidDataException($"it holds more than {EntriesMax} files");
            size += entry.Length;
            if (entry.Length < 0 || size < 0 || (size > ExpansionFrom && size / ExpansionMax > file.Length))
                throw new InvalidDataException("it would unpack to far more than an export does");
        }
    }

    public IReadOnlyCollection<string> Names => _entries.Keys;

    public bool Has(string name) => _entries.ContainsKey(name);

    /// <summary>A file's unpacked size, in bytes; -1 for a missing one.</summary>
    public long LengthOf(string name) => _entries.TryGetValue(name, out var entry) ? entry.Length : -1;

    /// <summary>The ids of the conversations, in order.</summary>
    public IEnumerable<string> Conversations() => _entries.Keys
        .Where(name => name.StartsWith("conversations/", StringComparison.Ordinal))
        .Select(name => name.Split('/')[1]).Distinct().Order(StringComparer.Ordinal);

    /// <exception cref="FormatException">The file is missing.</exception>
    public Stream Open(string name) => _entries.TryGetValue(name, out var entry)
        ? new Bounded(entry.Open(), entry.Length)
        : throw new FormatException("the file is missing");

    /// <summary>A whole small file.</summary>
    /// <param name="bytesMax">The longest that it may be.</param>
    /// <exception cref="FormatException">The file is missing, too large, or not UTF-8.</exception>
    public string Text(string name, int bytesMax)
    {
        using var stream = Open(name);
        var length = _entries[name].Length;
        if (length > bytesMax)
            throw new FormatException($"the file has more than {bytesMax} bytes");
        var bytes = new byte[length];
        stream.ReadExactly(bytes);
        return Lines.Text(bytes);
    }

    /// <summary>The SHA-256 of a file, in hexadecimal.</summary>
    public string Sha256(string name)
    {
        using var stream = Open(name);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    public void Dispose() => _archive.Dispose();

    private static string Shortened(string name) => name.Length <= 100 ? name : name[..100] + "...";

    /// <summary>The files of an export. No other name is taken, so none can lead out of a folder.</summary>
    [GeneratedRegex(
        @"\A(README\.txt|vkey|matter\.json|access\.ndjson|SHA256SUMS|manifest\.note"
        + @"|conversations/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/"
        + @"(events\.ndjson|start|head\.tlog-proof|heads\.ndjson|timeline\.csv|report\.html"
        + @"|chat(-[0-9]{1,6})?\.rsmf))\z")]
    private static partial Regex Known();

    /// <summary>Refuses bytes beyond the stated size, and an end before it.</summary>
    private sealed class Bounded(Stream inner, long length) : Stream
    {
        private long _read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            var read = inner.Read(buffer);
            _read += read;
            if (_read > length || (read == 0 && buffer.Length > 0 && _read < length))
                throw new InvalidDataException("a file in it has another size than it states");
            return read;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
