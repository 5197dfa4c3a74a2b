using System.Text.Json.Nodes;
using ChatCqrs.Application.Media;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.Media;
using Microsoft.OpenApi;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>Uploads and downloads of files.</summary>
internal static class MediaOperations
{
    private const string Tag = "Media";

    private static readonly Dictionary<string, string> Version = new()
    {
        ["Tus-Resumable"] = $"`{TusProtocol.Version}`.",
    };

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Post, "/v1/media", Tag, "Upload a file",
            """
            The form has `file_type` (image, video, audio, document, encrypted) and `file`. The server streams and
            hashes the file, and detects its type from the bytes, but for `encrypted`. A wrong field is refused before the file
            is read if it stands before it. Bytes of a known type that contradicts `file_type` are refused; bytes
            of an unknown type, such as encrypted ones, fit every `file_type`. Equal bytes are stored once. `duplicate`
            is true only if the caller uploaded them before; the answer then names the same file. Send `file_id` in a
            message's `media_object` or `document`: users who see the message may download the file. A file without a
            message is deleted after a day. A user's files are bounded in number and bytes, those without a message
            more closely.
            """)
        {
            Id = "uploadFile",
            Request = """{"file_type":"image","file":"(the bytes)"}""",
            RequestMediaType = "multipart/form-data",
            RequestSchema = Form,
            Answers =
            [
                new(201, "The file is durable.", typeof(MediaAnswer),
                    $$"""
                    {"file_id":"{{Examples.File}}",
                     "sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","size":48213,
                     "content_type":"image/png","duplicate":false}
                    """),
            ],
            Refusals =
            [
                MediaForm.NotAForm, Refusal.EmptyFile, Refusal.FileTooLarge, Refusal.MediaQuotaExceeded,
                Refusal.FileTypeMismatch, Refusal.NotTheCaller,
                Refusal.Erased,
            ],
        },
        new(HttpMethod.Get, "/v1/media/download", Tag, "Download a file",
            """
            For its owner and for members of conversations it was sent to; for other callers it does not exist. `ETag`
            is the file's SHA-256. `Range` and `If-None-Match` are supported. The bytes never change, so a client may
            cache them for good. With a content delivery network the answer redirects to an address there, valid for
            some minutes.
            """)
        {
            Id = "downloadFile",
            Answers =
            [
                new(200, "The bytes."), new(206, "The requested range."), new(302, "The address of the bytes."),
                new(304, "The client has the bytes."),
            ],
            Refusals = [Refusal.FileUnknown, Refusal.NotTheCaller],
            Statuses = [416],
        },
        new(HttpMethod.Head, "/v1/media/download", Tag, "A file's headers", "As GET, without the bytes.")
        {
            Id = "getFileHeaders",
            Answers = [new(200, "The headers."), new(302, "The address of the bytes.")],
            Refusals = [Refusal.FileUnknown, Refusal.NotTheCaller],
        },
        new(HttpMethod.Post, "/v1/media/links", Tag, "Make links to files",
            $"""
            Absolute addresses of up to {LinkMedia.FilesMax} files, good without a token, for pages that show images and
            videos. Files that the caller may not download are left out. A link is good until `expires_at`, some
            minutes, and ends sooner when its last message is deleted or expires, or its owner is erased.
            """)
        {
            Id = "createFileLinks",
            Required = ["file_ids"],
            Request = $$"""{"file_ids":["{{Examples.File}}"]}""",
            Answers =
            [
                new(200, "The links, in any order.", typeof(LinkMedia.Result),
                    $$"""
                    {"links":[{"file_id":"{{Examples.File}}","url":"https://chat.example/v1/media/content/{{Examples.File}}?expires=1767323400&signature=Aqveb83vEjRWeJCrze8SNFY","expires_at":"2026-01-02T03:10:00.000Z"}]}
                    """),
            ],
        },
        new(HttpMethod.Get, "/v1/media/content/{file_id}", Tag, "Fetch a file by a signed address",
            """
            The target of links, and of a download's redirect. The address is the permission. Images, audio and video of
            common kinds are shown within pages, everything else is saved; nothing in them runs.
            """)
        {
            Id = "fetchSignedFile",
            Authorised = false,
            Answers =
            [
                new(200, "The bytes."), new(206, "The requested range."), new(304, "The client has the bytes."),
            ],
            Refusals = [Refusal.LinkInvalid],
            Statuses = [416],
        },
        new(HttpMethod.Options, "/v1/media/uploads", Tag, "Capabilities of resumable uploads",
            "The tus protocol 1.0: `Tus-Version`, `Tus-Extension`, `Tus-Checksum-Algorithm` and `Tus-Max-Size`.")
        {
            Id = "describeUploads",
            Authorised = false,
            Answers = [new(204, "The headers.")],
        },
        new(HttpMethod.Post, "/v1/media/uploads", Tag, "Begin a resumable upload",
            """
            The tus protocol 1.0: creation, creation-with-upload, creation-defer-length, concatenation. Send the bytes
            to `Location` before `Upload-Expires`. A body holds the first bytes of the file. Partial uploads need no
            `file_type`; the request that puts them together removes them, and is answered alike when it is repeated.
            """)
        {
            Id = "createUpload",
            RequestHeaders = new Dictionary<string, string>(Version)
            {
                ["Upload-Length"] = "The file's size in bytes.",
                ["Upload-Defer-Length"] = "`1` instead, if the size is told later.",
                ["Upload-Metadata"] = "`file_type` and optionally `filename`, each followed by its value in base64.",
                ["Upload-Concat"] = "`partial`; or `final;` and the addresses of complete partial uploads.",
                ["Upload-Checksum"] = "Of the body, as for PATCH.",
            },
            Answers = [new(201, "The upload is created.")],
            Refusals =
            [
                Problems.Invalid, Refusal.EmptyFile, Refusal.FileTooLarge, Refusal.MediaQuotaExceeded,
                Refusal.TooManyUploads,
                Refusal.UploadUnknown, Refusal.UploadExpired, Refusal.UploadUnfinished, Refusal.UploadLengthExceeded,
                Refusal.UploadLocked, Refusal.ChecksumMismatch, Refusal.FileTypeMismatch, MediaEndpoints.NotAPatch,
                TusProtocol.UnknownVersion,
                Refusal.Erased,
            ],
        },
        new(HttpMethod.Head, "/v1/media/uploads/{id}", Tag, "The progress of an upload",
            """
            The bytes before `Upload-Offset` are durable: continue from there. A complete upload answers with
            `Chat-File-Id`. `Upload-Metadata` and `Upload-Concat` are as at the creation.
            """)
        {
            Id = "getUpload",
            RequestHeaders = Version,
            Answers = [new(200, "The headers.")],
            Refusals = [Refusal.UploadUnknown, Refusal.UploadExpired, TusProtocol.UnknownVersion],
        },
        new(HttpMethod.Patch, "/v1/media/uploads/{id}", Tag, "Continue an upload",
            """
            `Upload-Offset` must be the current offset. Received bytes become durable piece by piece, also when the
            request is cut off. With `Upload-Checksum` the body is stored whole or not at all. The request that
            completes the upload answers with `Chat-File-Id`.
            """)
        {
            Id = "continueUpload",
            Request = "\"(the bytes)\"",
            RequestMediaType = TusProtocol.ContentType,
            RequestSchema = Binary,
            RequestHeaders = new Dictionary<string, string>(Version)
            {
                ["Upload-Offset"] = "The offset of the body in the file, in bytes.",
                ["Upload-Length"] = "The file's size in bytes, once, if it was deferred.",
                ["Upload-Checksum"] =
                    $"One of {TusProtocol.ChecksumAlgorithms}, a space, and the body's hash in base64.",
            },
            Answers = [new(204, "The bytes before `Upload-Offset` are durable.")],
            Refusals =
            [
                MediaEndpoints.NotAPatch, Refusal.UploadUnknown, Refusal.UploadExpired, Refusal.UploadOffsetMismatch,
                Refusal.UploadLengthExceeded, Refusal.UploadLocked, Refusal.ChecksumMismatch, Refusal.FileTypeMismatch,
                Refusal.UploadFinal, Refusal.EmptyFile, Refusal.FileTooLarge, Refusal.MediaQuotaExceeded,
                TusProtocol.UnknownVersion,
            ],
        },
        new(HttpMethod.Delete, "/v1/media/uploads/{id}", Tag, "Abandon an upload",
            "Deletes the received bytes. The file of a complete upload stays.")
        {
            Id = "abandonUpload",
            RequestHeaders = Version,
            Answers = [new(204, "The upload is deleted.")],
            Refusals = [Refusal.UploadUnknown, Refusal.UploadExpired, Refusal.UploadLocked, TusProtocol.UnknownVersion],
        },
    ];

    private static OpenApiSchema Form() => new()
    {
        Type = JsonSchemaType.Object,
        Required = new HashSet<string> { "file_type", "file" },
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["file_type"] = new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Enum = [.. FileTypes.Names.Split(", ").Select(name => (JsonNode)JsonValue.Create(name))],
            },
            ["file"] = Binary(),
        },
    };

    private static OpenApiSchema Binary() => new() { Type = JsonSchemaType.String, Format = "binary" };
}
