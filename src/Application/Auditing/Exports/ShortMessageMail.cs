using System.Buffers.Text;
using System.Globalization;
using System.Text;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// The e-mail (RFC 5322, RFC 2045) around a file of Relativity's Short Message Format: headers that describe it, the
/// conversation as text, which Relativity takes for the document's text, and <c>rsmf.zip</c>, its one attachment.
/// </summary>
/// <param name="begin">The time of the first event; null for none.</param>
/// <param name="end">The time of the last event; null for none.</param>
internal sealed class ShortMessageMail(
    ConversationId conversation, int part, int events, string? begin, string? end, DateTimeOffset date)
{
    public const string Version = "2.0.0";

    /// <summary>Bytes of a line of base64 of 76 characters (RFC 2045, section 6.8).</summary>
    private const int LineBytes = 57;

    private const string Boundary = "RSMFEML";

    private static readonly string[] AttachmentHeaders =
    [
        $"--{Boundary}",
        "Content-Type: application/zip; name=\"rsmf.zip\"",
        "Content-Disposition: attachment; filename=\"rsmf.zip\"",
        "Content-Transfer-Encoding: base64",
        "",
    ];

    /// <param name="text">The lines of the text.</param>
    /// <param name="zip">The attachment.</param>
    public void Write(string path, IEnumerable<string> text, ReadOnlySpan<byte> zip)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 128 * 1024);
        foreach (var line in Headers())
            WriteLine(file, line);
        using (var encoded = new Base64Lines(file))
        {
            using var lines = new StreamWriter(encoded, new UTF8Encoding(false)) { NewLine = "\r\n" };
            foreach (var line in text)
                lines.WriteLine(line);
        }

        foreach (var line in AttachmentHeaders)
            WriteLine(file, line);
        using (var encoded = new Base64Lines(file))
            encoded.Write(zip);
        WriteLine(file, $"--{Boundary}--");
    }

    private IEnumerable<string> Headers()
    {
        yield return $"X-RSMF-Version: {Version}";
        yield return "X-RSMF-Generator: ChatCqrs";
        yield return "X-RSMF-Application: ChatCqrs";
        yield return string.Create(CultureInfo.InvariantCulture, $"X-RSMF-EventCount: {events}");
        yield return "X-RSMF-AttachmentCount: 0";
        yield return $"X-RSMF-EventCollectionID: {conversation}";
        if (begin is not null)
            yield return $"X-RSMF-BeginDate: {begin}";
        if (end is not null)
            yield return $"X-RSMF-EndDate: {end}";
        yield return date.UtcDateTime.ToString(
            "'Date: 'ddd, dd MMM yyyy HH:mm:ss' +0000'", CultureInfo.InvariantCulture);
        yield return "From: ChatCqrs <export@chatcqrs.invalid>";
        yield return string.Create(
            CultureInfo.InvariantCulture, $"Message-ID: <{conversation}.{part}@chatcqrs.invalid>");
        yield return string.Create(
            CultureInfo.InvariantCulture, $"Subject: Conversation {conversation}, part {part}");
        yield return "MIME-Version: 1.0";
        yield return $"Content-Type: multipart/mixed; boundary=\"{Boundary}\"";
        yield return "";
        yield return $"--{Boundary}";
        yield return "Content-Type: text/plain; charset=utf-8";
        yield return "Content-Transfer-Encoding: base64";
        yield return "";
    }

    private static void WriteLine(Stream file, string line) => file.Write(Encoding.ASCII.GetBytes(line + "\r\n"));

    /// <summary>Writes base64 in lines.</summary>
    private sealed class Base64Lines(Stream output) : Stream
    {
        private readonly byte[] _line = new byte[LineBytes];
        private readonly byte[] _text = new byte[Base64.GetMaxEncodedToUtf8Length(LineBytes) + 2];
        private int _length;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            while (buffer.Length > 0)
            {
                var taken = Math.Min(buffer.Length, LineBytes - _length);
                buffer[..taken].CopyTo(_line.AsSpan(_length));
                _length += taken;
                buffer = buffer[taken..];
                if (_length == LineBytes)
                    EndLine();
            }
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing && _length > 0)
                EndLine();
            base.Dispose(disposing);
        }

        private void EndLine()
        {
            Base64.EncodeToUtf8(_line.AsSpan(0, _length), _text, out _, out var written);
            "\r\n"u8.CopyTo(_text.AsSpan(written));
            output.Write(_text, 0, written + 2);
            _length = 0;
        }
    }
}
