using System.Globalization;
using ChatCqrs.Application.Media;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.AccessControl;
using ChatCqrs.WebApi.Http;
using MediatR;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace ChatCqrs.WebApi.Media;

/// <summary><c>/v1/media</c>: uploads in one request or in several (tus), and downloads.</summary>
public static class MediaEndpoints
{
    /// <summary>A file's bytes never change: a client may cache them for good, a shared cache may not.</summary>
    private const string CachedPrivately = "private, max-age=31536000, immutable";

    /// <summary>The most bytes of a form besides the file.</summary>
    private const int FormOverhead = 256 * 1024;

    internal static readonly Refusal NotAPatch =
        new(RefusalKind.Unsupported, "unsupported_media_type", $"The body must be {TusProtocol.ContentType}.");

    /// <summary>Lifts the limit of bodies: the use cases limit the size of files.</summary>
    private static readonly DisableRequestSizeLimitAttribute AnySize = new();

    public static RouteGroupBuilder MapMedia(this RouteGroupBuilder api)
    {
        var media = api.MapGroup("/v1/media").RequireAuthorization();
        media.MapPost("", UploadAsync).WithMetadata(AnySize).AnswersWhenDurable();
        media.MapMethods("/download", [HttpMethods.Get, HttpMethods.Head], DownloadAsync);
        media.MapPost("/links", LinkAsync).AnswersWhenDurable().OffersFeature("media_links");
        api.MapGet("/v1/media/content/{file_id}", FetchAsync).AllowAnonymous();

        var uploads = api.MapGroup("/v1/media/uploads").RequireAuthorization()
            .AddEndpointFilter(TusProtocol.CheckVersionAsync);
        uploads.MapMethods("", [HttpMethods.Options], Describe).AllowAnonymous().AnswersWhenDurable();
        uploads.MapPost("", CreateAsync).WithMetadata(AnySize).AnswersWhenDurable()
            .OffersFeature("resumable_uploads");
        uploads.MapMethods("/{id}", [HttpMethods.Head], ShowAsync);
        uploads.MapPatch("/{id}", WriteAsync).WithMetadata(AnySize).AnswersWhenDurable();
        uploads.MapDelete("/{id}", AbandonAsync).AnswersWhenDurable();
        return api;
    }

    private static async Task<IResult> UploadAsync(
        HttpRequest request, Caller caller, Staging staging, IOptions<MediaOptions> options, IMediator mediator,
        CancellationToken cancellationToken)
    {
        if (request.ContentLength - FormOverhead > options.Value.SizeMax)
            throw new RefusedException(Refusal.FileTooLarge);
        await using var form = new MediaForm(caller.User, staging);
        await form.ReadAsync(request, request.ContentLength - FormOverhead, cancellationToken);
        var result = await mediator.Send(
            new UploadMedia.Command(caller.User, form.FileType, form.FileName, form.File), cancellationToken);
        form.Kept();
        var answer = new MediaAnswer(
            result.File.Value, Convert.ToHexStringLower(result.Sha256.Span), result.Size, result.ContentType,
            result.Duplicate);
        return TypedResults.Json(answer, statusCode: StatusCodes.Status201Created);
    }

    private static async Task<IResult> DownloadAsync(
        string? file_id, string? user_id, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        var result = await mediator.Send(new DownloadMedia.Query(caller.User, file_id, user_id), cancellationToken);
        if (result.Elsewhere is { } elsewhere)
            return TypedResults.Redirect(elsewhere.AbsoluteUri);
        response.Headers.CacheControl = CachedPrivately;
        return Bytes(result.Content!, response, isShown: false);
    }

    private static Task<LinkMedia.Result> LinkAsync(
        LinkMedia.Body body, HttpRequest request, Caller caller, IMediator mediator,
        CancellationToken cancellationToken) =>
        mediator.Send(new LinkMedia.Query(caller.User, ServerOf(request), body), cancellationToken);

    /// <summary>This server as the client or its proxy addressed it.</summary>
    private static Uri ServerOf(HttpRequest request) =>
        request.Host.HasValue
        && Uri.TryCreate(
            UriHelper.BuildAbsolute(request.Scheme, request.Host, request.PathBase), UriKind.Absolute, out var server)
            ? server
            : throw new BadHttpRequestException("The request names no host for the links.");

    private static async Task<IResult> FetchAsync(
        string file_id, string? expires, string? signature, IMediator mediator, TimeProvider clock,
        HttpResponse response, CancellationToken cancellationToken)
    {
        var result = await mediator.Send(new FetchSignedMedia.Query(file_id, expires, signature), cancellationToken);
        var left = (long)(result.ExpiresAt - clock.GetUtcNow()).TotalSeconds;
        response.Headers[HttpConventions.ResourcePolicy] = "cross-origin"; // The address may stand in any page.
        response.Headers.CacheControl = $"public, max-age={Math.Max(0, left)}, immutable";
        return Bytes(result.Content, response, result.Content.IsShown);
    }

    /// <summary>
    /// Answers the file or a range of it (RFC 9110, section 14), or 304. Nothing in it runs, wherever it is shown.
    /// </summary>
    /// <param name="isShown">Whether browsers may show it within a page; else they save it.</param>
    private static IResult Bytes(Download download, HttpResponse response, bool isShown)
    {
        response.Headers.ContentSecurityPolicy = "default-src 'none'; sandbox; frame-ancestors 'none'";
        if (isShown)
        {
            var inline = new ContentDispositionHeaderValue("inline");
            inline.SetHttpFileName(download.Name);
            response.Headers.ContentDisposition = inline.ToString();
        }

        return new WithProblems(TypedResults.Stream(
            download.Bytes, download.ContentType, isShown ? null : download.Name, download.At,
            new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(download.Sha256.Span)}\""),
            enableRangeProcessing: true));
    }

    /// <summary>Adds a problem where the framework refuses a range with a bare status.</summary>
    private sealed class WithProblems(IResult bytes) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            await bytes.ExecuteAsync(httpContext);
            var response = httpContext.Response;
            if (response is not { HasStarted: false, StatusCode: >= 400 })
                return;
            response.Headers.CacheControl = "no-store";
            response.Headers.ContentDisposition = default;
            await response.WriteProblemAsync(Problems.OfStatus(response.StatusCode));
        }
    }

    private static IResult Describe(HttpResponse response, IOptions<MediaOptions> options)
    {
        response.Headers["Tus-Version"] = TusProtocol.Version;
        response.Headers["Tus-Extension"] = TusProtocol.Extensions;
        response.Headers["Tus-Checksum-Algorithm"] = TusProtocol.ChecksumAlgorithms;
        response.Headers["Tus-Max-Size"] = options.Value.SizeMax.ToString(CultureInfo.InvariantCulture);
        return TypedResults.NoContent();
    }

    private static async Task<IResult> CreateAsync(
        HttpRequest request, HttpResponse response, Caller caller, IMediator mediator,
        CancellationToken cancellationToken)
    {
        var metadata = TusProtocol.Metadata(request);
        var created = await mediator.Send(
            new CreateUpload.Command(
                caller.User, TusProtocol.Number(request, "Upload-Length"), metadata.GetValueOrDefault("file_type"),
                metadata.GetValueOrDefault("filename"))
            {
                Deferred = TusProtocol.Text(request, "Upload-Defer-Length"),
                Metadata = TusProtocol.Text(request, "Upload-Metadata"),
                Concat = TusProtocol.Text(request, "Upload-Concat"),
                Body = TusProtocol.HasBody(request) ? BodyOf(request) : null,
            },
            cancellationToken);
        SetUploadHeaders(response, created.Received, created.ExpiresAt, created.File);
        return TypedResults.Created($"/v1/media/uploads/{created.Upload}");
    }

    private static async Task<IResult> ShowAsync(
        string id, HttpResponse response, Caller caller, IMediator mediator, CancellationToken cancellationToken)
    {
        var shown = await mediator.Send(new ShowUpload.Query(caller.User, id), cancellationToken);
        if (shown.Length is { } length)
            response.Headers["Upload-Length"] = length.ToString(CultureInfo.InvariantCulture);
        else
            response.Headers["Upload-Defer-Length"] = "1";
        if (shown.Metadata is not null)
            response.Headers["Upload-Metadata"] = shown.Metadata;
        if (shown.Concat is not null)
            response.Headers["Upload-Concat"] = shown.Concat;
        SetUploadHeaders(response, shown.Received, shown.ExpiresAt, shown.File);
        return TypedResults.Ok();
    }

    /// <summary>
    /// Appends the body to an upload. A client that goes away does not cancel it: the body ends, and the bytes so far
    /// are kept.
    /// </summary>
    private static async Task<IResult> WriteAsync(
        string id, HttpRequest request, HttpResponse response, Caller caller, IMediator mediator)
    {
        var written = await mediator.Send(
            new WriteUpload.Command(
                caller.User, id, TusProtocol.Number(request, "Upload-Offset"),
                TusProtocol.Number(request, "Upload-Length"), BodyOf(request)),
            CancellationToken.None);
        SetUploadHeaders(response, written.Received, written.ExpiresAt, written.File);
        return TypedResults.NoContent();
    }

    private static UploadBody BodyOf(HttpRequest request) =>
        request.ContentType == TusProtocol.ContentType
            ? new UploadBody(request.Body, request.ContentLength, TusProtocol.Checksum(request))
            : throw new RefusedException(NotAPatch);

    private static async Task<IResult> AbandonAsync(
        string id, Caller caller, IMediator mediator, CancellationToken cancellationToken)
    {
        await mediator.Send(new AbandonUpload.Command(caller.User, id), cancellationToken);
        return TypedResults.NoContent();
    }

    /// <param name="received">The bytes received so far.</param>
    /// <param name="file">The file of a complete upload.</param>
    private static void SetUploadHeaders(
        HttpResponse response, long received, DateTimeOffset expiresAt, FileId? file)
    {
        response.Headers["Upload-Offset"] = received.ToString(CultureInfo.InvariantCulture);
        response.Headers["Upload-Expires"] = HeaderUtilities.FormatDate(expiresAt);
        if (file is { } id)
            response.Headers[TusProtocol.FileIdHeader] = id.ToString();
    }
}

/// <summary>An uploaded file.</summary>
/// <param name="Sha256">The hash of its bytes, in hexadecimal.</param>
/// <param name="Size">Its size in bytes.</param>
/// <param name="ContentType">The media type found in its bytes; otherwise <c>application/octet-stream</c>.</param>
/// <param name="Duplicate">Whether the caller has uploaded these bytes before.</param>
public sealed record MediaAnswer(Guid FileId, string Sha256, long Size, string ContentType, bool Duplicate);
