using System.Text;
using ChatCqrs.Application.Media;
using ChatCqrs.Domain;
using FluentValidation;
using FluentValidation.Results;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace ChatCqrs.WebApi.Media;

/// <summary>
/// The form of <c>POST /v1/media</c> (RFC 7578), read as a stream: the file's bytes go straight to the store, whatever
/// the order of the fields. Fields that stand before the file are checked before it is read. Unless the form is
/// <see cref="Kept"/>, the stored bytes are due for collection at once.
/// </summary>
internal sealed class MediaForm(UserId caller, Staging staging) : IAsyncDisposable
{
    private const string FileField = "file", TypeField = "file_type", UserField = "user_id";

    /// <summary>The most fields of a form.</summary>
    private const int FieldsMax = 32;

    /// <summary>The most bytes of a field other than the file, and of a field's headers.</summary>
    private const int FieldSizeMax = 8 * 1024;

    /// <summary>The longest boundary, in characters.</summary>
    private const int BoundaryMax = 200;

    internal static readonly Refusal NotAForm = new(
        RefusalKind.Unsupported, "unsupported_media_type",
        "The body must be multipart/form-data, with file_type and file.");

    private bool _isKept;

    public string? FileType { get; private set; }

    public string? FileName { get; private set; }

    public StagedFile? File { get; private set; }

    /// <param name="least">The size that the file has at least, in bytes; null if unknown.</param>
    /// <exception cref="BadHttpRequestException">The form is malformed.</exception>
    /// <exception cref="ValidationException">A field is wrong.</exception>
    /// <exception cref="RefusedException">
    /// <c>user_id</c> is another user's, or the file is too large, or larger than the caller's quota.
    /// </exception>
    public async Task ReadAsync(HttpRequest request, long? least, CancellationToken cancellationToken)
    {
        var reader = new MultipartReader(BoundaryOf(request), request.Body) { HeadersLengthLimit = FieldSizeMax };
        for (var fields = 0; await NextAsync(reader, cancellationToken) is { } section; fields++)
        {
            if (fields == FieldsMax)
                throw Malformed();
            if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition))
                continue;
            var body = new SectionStream(section.Body);
            var name = HeaderUtilities.RemoveQuotes(disposition.Name).ToString();
            if (name.Equals(FileField, StringComparison.OrdinalIgnoreCase))
                await StageAsync(disposition, body, least ?? 0, request.ContentLength, cancellationToken);
            else
                Note(name, await ReadTextAsync(body, cancellationToken));
        }
    }

    /// <summary>The file belongs to the caller now.</summary>
    public void Kept() => _isKept = true;

    public async ValueTask DisposeAsync()
    {
        if (File is { } file && !_isKept)
            await staging.DiscardAsync(file.Segments);
    }

    private async Task StageAsync(
        ContentDispositionHeaderValue disposition, Stream body, long least, long? most,
        CancellationToken cancellationToken)
    {
        if (File is not null)
            throw new ValidationException([new ValidationFailure(FileField, "must stand there once.")]);
        var name = disposition.FileNameStar.HasValue
            ? disposition.FileNameStar
            : HeaderUtilities.RemoveQuotes(disposition.FileName);
        FileName = name.ToString();
        File = await staging.StageAsync(caller, body, least, most, cancellationToken);
    }

    private void Note(string name, string value)
    {
        if (name.Equals(TypeField, StringComparison.OrdinalIgnoreCase))
        {
            if (!FileTypes.Exists(value))
                throw new ValidationException(
                    [new ValidationFailure(TypeField, $"must be one of {FileTypes.Names}.")]);
            FileType = value;
        }

        if (name.Equals(UserField, StringComparison.OrdinalIgnoreCase)
            && !value.Equals(caller.ToString(), StringComparison.OrdinalIgnoreCase))
            throw new RefusedException(Refusal.NotTheCaller);
    }

    private static string BoundaryOf(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
            throw new RefusedException(NotAForm);
        var boundary = HeaderUtilities.RemoveQuotes(type.Boundary).ToString();
        return boundary.Length is > 0 and <= BoundaryMax ? boundary : throw Malformed();
    }

    private static async Task<MultipartSection?> NextAsync(MultipartReader reader, CancellationToken cancellationToken)
    {
        try
        {
            return await reader.ReadNextSectionAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is InvalidDataException
            || (exception is IOException && SectionStream.IsOfTheForm(exception)))
        {
            throw Malformed();
        }
    }

    private static async Task<string> ReadTextAsync(Stream body, CancellationToken cancellationToken)
    {
        var buffer = new byte[FieldSizeMax + 1];
        var size = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        return size <= FieldSizeMax ? Encoding.UTF8.GetString(buffer, 0, size) : throw Malformed();
    }

    private static BadHttpRequestException Malformed() => new("The form is not well-formed.");

    /// <summary>Turns errors in the form into refusals, and passes errors of the connection on.</summary>
    private sealed class SectionStream(Stream section) : Stream
    {
        /// <summary>The multipart reader throws plain <see cref="IOException"/>s, Kestrel subclasses of it.</summary>
        public static bool IsOfTheForm(Exception exception) => exception.GetType() == typeof(IOException);

        public override async ValueTask<int> ReadAsync(
            Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            try
            {
                return await section.ReadAsync(buffer, cancellationToken);
            }
            catch (Exception exception) when (exception is InvalidDataException || IsOfTheForm(exception))
            {
                throw Malformed();
            }
        }

        public override Task<int> ReadAsync(
            byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Flush() => throw new NotSupportedException();
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
