using System.Buffers.Binary;
using System.Text;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Detects media types by a file's first bytes. A small table of what messengers carry, after the WHATWG's MIME
/// Sniffing Standard (section 6) and the formats' own specifications.
/// </summary>
public static class ContentTypes
{
    /// <summary>The type of unrecognised bytes: unknown formats, or encrypted by the client.</summary>
    public const string Opaque = "application/octet-stream";

    /// <summary>How many of a file's first bytes are examined.</summary>
    public const int HeadSize = 4096;

    private static readonly (byte[] Magic, string Type)[] Prefixes =
    [
        ([0x89, .. "PNG\r\n"u8, 0x1a, 0x0a], "image/png"),
        ([0xff, 0xd8, 0xff], "image/jpeg"),
        ([.. "GIF87a"u8], "image/gif"),
        ([.. "GIF89a"u8], "image/gif"),
        ([.. "II*"u8, 0], "image/tiff"),
        ([.. "MM"u8, 0, .. "*"u8], "image/tiff"),
        ([0, 0, 1, 0], "image/x-icon"),
        ([0xff, 0x0a], "image/jxl"),
        ([0, 0, 0, 12, .. "JXL "u8, 0x0d, 0x0a, 0x87, 0x0a], "image/jxl"),
        ([.. "ID3"u8], "audio/mpeg"),
        ([.. "fLaC"u8], "audio/flac"),
        ([.. "#!AMR"u8], "audio/amr"),
        ([.. "MThd"u8], "audio/midi"),
        ([0, 0, 1, 0xba], "video/mpeg"),
        ([0, 0, 1, 0xb3], "video/mpeg"),
        ([.. "FLV"u8, 1], "video/x-flv"),
        ([0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11], "video/x-ms-asf"),
        ([.. "%PDF-"u8], "application/pdf"),
        ([.. "{\\rtf"u8], "application/rtf"),
        ([0x1f, 0x8b], "application/gzip"),
        ([.. "BZh"u8], "application/x-bzip2"),
        ([0xfd, .. "7zXZ"u8, 0], "application/x-xz"),
        ([0x28, 0xb5, 0x2f, 0xfd], "application/zstd"),
        ([.. "7z"u8, 0xbc, 0xaf, 0x27, 0x1c], "application/x-7z-compressed"),
        ([.. "Rar!"u8, 0x1a, 7], "application/vnd.rar"),
        ([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], "application/x-ole-storage"),
        ([0x7f, .. "ELF"u8], "application/x-executable"),
        ([.. "SQLite format 3"u8, 0], "application/vnd.sqlite3"),
    ];

    private static readonly (byte[] Mark, string Type)[] Zipped =
    [
        ([.. "word/"u8], "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ([.. "xl/"u8], "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ([.. "ppt/"u8], "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
        Named("application/vnd.oasis.opendocument.text"),
        Named("application/vnd.oasis.opendocument.spreadsheet"),
        Named("application/vnd.oasis.opendocument.presentation"),
        Named("application/epub+zip"),
    ];

    /// <summary>Types recognised by so few bits that encrypted bytes sometimes match them.</summary>
    private static readonly HashSet<string> Weak =
    [
        "image/jxl", "image/x-icon", "audio/mpeg", "audio/aac", "application/gzip", "application/x-bzip2",
        "application/vnd.microsoft.portable-executable",
    ];

    private static readonly Dictionary<string, string> Extensions = new()
    {
        ["image/png"] = "png",
        ["image/jpeg"] = "jpg",
        ["image/gif"] = "gif",
        ["image/webp"] = "webp",
        ["image/heic"] = "heic",
        ["image/avif"] = "avif",
        ["video/mp4"] = "mp4",
        ["video/webm"] = "webm",
        ["video/quicktime"] = "mov",
        ["audio/mpeg"] = "mp3",
        ["audio/mp4"] = "m4a",
        ["audio/ogg"] = "ogg",
        ["audio/wav"] = "wav",
        ["audio/flac"] = "flac",
        ["application/pdf"] = "pdf",
        ["application/zip"] = "zip",
        ["text/plain"] = "txt",
    };

    /// <summary>A format whose archive begins with an uncompressed file <c>mimetype</c> that holds the type.</summary>
    private static (byte[] Mark, string Type) Named(string type) =>
        ([.. "mimetype"u8, .. Encoding.ASCII.GetBytes(type)], type);

    /// <summary>
    /// Images, audio and video that browsers show and that cannot hold scripts. Everything else, such as SVG, HTML and
    /// PDF, is only saved.
    /// </summary>
    private static readonly HashSet<string> Shown =
    [
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/heic",
        "audio/mpeg", "audio/mp4", "audio/aac", "audio/ogg", "audio/wav", "audio/flac", "audio/webm",
        "video/mp4", "video/webm", "video/ogg", "video/quicktime", "video/3gpp",
    ];

    public static bool AreShown(string contentType) => Shown.Contains(contentType);

    /// <summary>Detects the type of a file.</summary>
    /// <param name="head">The first <see cref="HeadSize"/> bytes, or all if there are fewer.</param>
    public static string Of(ReadOnlySpan<byte> head)
    {
        foreach (var (magic, type) in Prefixes)
        {
            if (head.StartsWith(magic))
                return type;
        }

        return OfContainer(head) ?? OfAudioFrames(head) ?? OfTransportStream(head) ?? OfText(head) ?? Opaque;
    }

    /// <summary>Whether bytes of this detected type may as well be encrypted.</summary>
    public static bool IsWeak(string contentType) => Weak.Contains(contentType);

    /// <summary>The usual file extension; <c>bin</c> if there is none.</summary>
    public static string ExtensionOf(string contentType) => Extensions.GetValueOrDefault(contentType, "bin");

    private static string? OfContainer(ReadOnlySpan<byte> head)
    {
        if (head.Length >= 12 && (head.StartsWith("RIFF"u8) || head.StartsWith("FORM"u8)))
        {
            var form = head[8..12];
            return form.SequenceEqual("WEBP"u8) ? "image/webp"
                : form.SequenceEqual("WAVE"u8) ? "audio/wav"
                : form.SequenceEqual("AVI "u8) ? "video/x-msvideo"
                : form.SequenceEqual("AIFF"u8) || form.SequenceEqual("AIFC"u8) ? "audio/aiff"
                : null;
        }

        if (head.Length >= 12 && head[4..8].SequenceEqual("ftyp"u8))
            return OfBrand(head[8..12]);
        if (head.StartsWith("OggS"u8))
            return head.IndexOf("theora"u8) >= 0 ? "video/ogg" : "audio/ogg";
        if (head.StartsWith((ReadOnlySpan<byte>)[0x1a, 0x45, 0xdf, 0xa3]))
            return head.IndexOf("webm"u8) >= 0 ? "video/webm" : "video/x-matroska";
        if (head.StartsWith("BM"u8) && head.Length >= 14 && BinaryPrimitives.ReadUInt32LittleEndian(head[6..]) == 0)
            return "image/bmp";
        if (head.StartsWith("MZ"u8) && head.Length >= 64)
            return "application/vnd.microsoft.portable-executable";
        return head.StartsWith("PK\x03\x04"u8) ? OfZip(head) : null;
    }

    /// <summary>ISO/IEC 14496-12, section 4.3: the major brand.</summary>
    private static string OfBrand(ReadOnlySpan<byte> brand) => Encoding.Latin1.GetString(brand) switch
    {
        "heic" or "heix" or "heim" or "heis" or "hevc" or "hevx" => "image/heic",
        "mif1" or "msf1" => "image/heif",
        "avif" or "avis" => "image/avif",
        "M4A " or "M4B " or "M4P " => "audio/mp4",
        "qt  " => "video/quicktime",
        ['3', 'g', ..] => "video/3gpp",
        _ => "video/mp4",
    };

    private static string OfZip(ReadOnlySpan<byte> head)
    {
        foreach (var (mark, type) in Zipped)
        {
            if (head.IndexOf(mark) >= 0)
                return type;
        }

        return "application/zip";
    }

    /// <summary>
    /// Frames that start with eleven or more ones: MPEG audio (ISO/IEC 11172-3, section 2.4.1.3) and AAC in ADTS
    /// (ISO/IEC 13818-7, section 6.2).
    /// </summary>
    private static string? OfAudioFrames(ReadOnlySpan<byte> head)
    {
        if (head.Length < 4 || head[0] != 0xff)
            return null;
        if ((head[1] & 0xf6) == 0xf0 && (head[2] & 0x3c) <= 0x30)
            return "audio/aac";
        var isMpeg = (head[1] & 0xe6) == 0xe2 && (head[1] & 0x18) != 0x08
            && head[2] >> 4 is > 0 and < 15 && (head[2] & 0x0c) != 0x0c;
        return isMpeg ? "audio/mpeg" : null;
    }

    /// <summary>ISO/IEC 13818-1, section 2.4.3: packets of 188 bytes, each with the same first byte.</summary>
    private static string? OfTransportStream(ReadOnlySpan<byte> head) =>
        head.Length > 376 && head[0] == 0x47 && head[188] == 0x47 && head[376] == 0x47 ? "video/mp2t" : null;

    private static string? OfText(ReadOnlySpan<byte> head)
    {
        if (head.Length == 0 || HasControls(head) || !IsUtf8(head))
            return null;
        var start = Encoding.UTF8.GetString(head).TrimStart('\ufeff').TrimStart();
        if (start.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase)
            || start.StartsWith("<html", StringComparison.OrdinalIgnoreCase)
            || start.StartsWith("<script", StringComparison.OrdinalIgnoreCase))
            return "text/html";
        if (start.StartsWith("<svg", StringComparison.OrdinalIgnoreCase))
            return "image/svg+xml";
        return !start.StartsWith("<?xml", StringComparison.Ordinal) ? "text/plain"
            : start.Contains("<svg", StringComparison.OrdinalIgnoreCase) ? "image/svg+xml" : "text/xml";
    }

    /// <summary>
    /// Whether there are control characters, except for white space (0x09 to 0x0d) and escape (0x1b).
    /// </summary>
    private static bool HasControls(ReadOnlySpan<byte> head) =>
        head.ContainsAnyInRange((byte)0, (byte)8) || head.ContainsAnyInRange((byte)0x0e, (byte)0x1a)
        || head.ContainsAnyInRange((byte)0x1c, (byte)0x1f) || head.Contains((byte)0x7f);

    /// <summary>Whether bytes are well-formed UTF-8, except for a character cut off at the head's end.</summary>
    private static bool IsUtf8(ReadOnlySpan<byte> head)
    {
        for (var cut = 0; cut < 4 && cut < head.Length; cut++)
        {
            if (System.Text.Unicode.Utf8.IsValid(head[..^cut]))
                return true;
            if (head.Length < HeadSize || (head[^(cut + 1)] & 0x80) == 0)
                return false;
        }

        return false;
    }
}
