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
/// the order of the fields.
/// </summary>
/// <param name="UserId">The optional field <c>user_id</c>.</param>
internal sealed record MediaForm(string? FileType, string? UserId, string? FileName, StagedFile? File)
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

    /// <exception cref="BadHttpRequestException">The form is malformed.</exception>
    public static async Task<MediaForm> ReadAsync(
        HttpRequest request, Staging staging, CancellationToken cancellationToken)
    {
        var reader = new MultipartReader(BoundaryOf(request), request.Body) { HeadersLengthLimit = FieldSizeMax };
        var form = new MediaForm(null, null, null, null);
        for (var fields = 0; await NextAsync(reader, cancellationToken) is { } section; fields++)
        {
            if (fields == FieldsMax)
                throw Malformed();
            form = await form.WithAsync(section, staging, cancellationToken);
        }

        return form;
    }

    private async Task<MediaForm> WithAsync(
        MultipartSection section, Staging staging, CancellationToken cancellationToken)
    {
        if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition))
            return this;
        var name = HeaderUtilities.RemoveQuotes(disposition.Name).ToString();
        var body = new SectionStream(section.Body);
        if (name.Equals(FileField, StringComparison.OrdinalIgnoreCase))
        {
            if (File is not null)
                throw new ValidationException([new ValidationFailure(FileField, "must stand there once.")]);
            var fileName = disposition.FileNameStar.HasValue
                ? disposition.FileNameStar
                : HeaderUtilities.RemoveQuotes(disposition.FileName);
            var file = await staging.StageAsync(body, cancellationToken);
            return this with { FileName = fileName.ToString(), File = file };
        }

        var value = await ReadTextAsync(body, cancellationToken);
        return name.Equals(TypeField, StringComparison.OrdinalIgnoreCase) ? this with { FileType = value }
            : name.Equals(UserField, StringComparison.OrdinalIgnoreCase) ? this with { UserId = value }
            : this;
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
