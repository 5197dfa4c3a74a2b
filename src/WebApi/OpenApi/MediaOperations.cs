using System.Text.Json.Nodes;
using ChatCqrs.Application.Media;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Media;
using Microsoft.OpenApi;

namespace ChatCqrs.WebApi.OpenApi;

internal static class MediaOperations
{
    private const string Tag = "Media";

    private static readonly Dictionary<string, string> Version = new() { ["Tus-Resumable"] = $"`{TusProtocol.Version}`." };

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Post, "/v1/media", Tag, "Upload a file",
            """
            The form has `file_type` (image, video, audio, document) and `file`. The file is streamed, hashed and typed by its bytes, which must not be plainly of
            another kind than `file_type` says; bytes that say nothing, such as what a client has encrypted, fit every kind. The same bytes are stored once.
            `duplicate` is true only if the caller uploaded them before, and the answer then names the same file. Send its `file_id` in a message's `media_object`
            or `document`: whoever sees the message may download it. A file that no message refers to is collected after a day.
            """)
        {
            Request = """{"file_type":"image","file":"(the bytes)"}""",
            RequestMediaType = "multipart/form-data",
            RequestSchema = Form,
            Answers =
            [
                new(201, "The file is durable.", typeof(MediaAnswer),
                    $$"""
                    {"file_id":"{{Examples.File}}","sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","size":48213,
                     "content_type":"image/png","duplicate":false}
                    """),
            ],
            Refusals = [MediaForm.NotAForm, Refusal.FileTooLarge, Refusal.FileTypeMismatch, Refusal.NotTheCaller],
        },
        new(HttpMethod.Get, "/v1/media/download", Tag, "Download a file",
            """
            To its owner and to members of conversations it was sent to; to others it does not exist. `ETag` is the file's SHA-256; `Range` and `If-None-Match`
            are heeded, and the bytes never change, so they may be kept for ever. Where a content delivery network is configured the answer is a
            redirect to an address there that is good for some minutes.
            """)
        {
            Answers =
            [
                new(200, "The bytes."), new(206, "The part that `Range` asks for."), new(302, "The bytes are there."), new(304, "The client has them."),
            ],
            Refusals = [Refusal.FileUnknown, Refusal.NotTheCaller],
            Statuses = [416],
        },
        new(HttpMethod.Head, "/v1/media/download", Tag, "A file's headers", "As GET, without the bytes.")
        {
            Answers = [new(200, "The headers."), new(302, "The bytes are there.")],
            Refusals = [Refusal.FileUnknown, Refusal.NotTheCaller],
        },
        new(HttpMethod.Get, "/v1/media/content/{file_id}", Tag, "Fetch a file by a signed address",
            "For the content delivery network: what a download redirects to, and good for whoever has the address.")
        {
            Authorised = false,
            Answers = [new(200, "The bytes."), new(206, "The part that `Range` asks for."), new(304, "The client has them.")],
            Refusals = [Refusal.FileUnknown],
            Statuses = [416],
        },
        new(HttpMethod.Options, "/v1/media/uploads", Tag, "What resumable uploads can do",
            "The tus protocol 1.0: `Tus-Version`, `Tus-Extension`, `Tus-Checksum-Algorithm` and `Tus-Max-Size` say what is understood.")
        {
            Authorised = false,
            Answers = [new(204, "The headers say it.")],
        },
        new(HttpMethod.Post, "/v1/media/uploads", Tag, "Begin a resumable upload",
            "The tus protocol 1.0, creation. `Location` is where the bytes go; `Upload-Expires` until when.")
        {
            RequestHeaders = new Dictionary<string, string>(Version)
            {
                ["Upload-Length"] = "The file's size in bytes.",
                ["Upload-Metadata"] = "`file_type` and, if there is one, `filename`, each followed by its value in base64.",
            },
            Answers = [new(201, "The upload may begin.")],
            Refusals = [Refusal.FileTooLarge, Refusal.TooManyUploads, TusProtocol.UnknownVersion],
        },
        new(HttpMethod.Head, "/v1/media/uploads/{id}", Tag, "How much of an upload has arrived",
            "`Upload-Offset` says up to where the bytes are durable: go on from there. A complete upload answers with `Chat-File-Id`.")
        {
            RequestHeaders = Version,
            Answers = [new(200, "The headers say it.")],
            Refusals = [Refusal.UploadUnknown, Refusal.UploadExpired, TusProtocol.UnknownVersion],
        },
        new(HttpMethod.Patch, "/v1/media/uploads/{id}", Tag, "Go on with an upload",
            """
            From exactly where it has arrived. What has come becomes durable piece by piece, also when the request is cut off. With `Upload-Checksum` all
            of the body is taken or nothing. The request that completes the upload answers with `Chat-File-Id`.
            """)
        {
            Request = "\"(the bytes)\"",
            RequestMediaType = TusProtocol.ContentType,
            RequestSchema = Binary,
            RequestHeaders = new Dictionary<string, string>(Version)
            {
                ["Upload-Offset"] = "Where the body begins in the file.",
                ["Upload-Checksum"] = $"One of {TusProtocol.ChecksumAlgorithms}, a space, and the body's hash in base64.",
            },
            Answers = [new(204, "It is durable up to `Upload-Offset`.")],
            Refusals =
            [
                MediaEndpoints.NotAPatch, Refusal.UploadUnknown, Refusal.UploadExpired, Refusal.UploadOffsetMismatch, Refusal.UploadLengthExceeded,
                Refusal.UploadLocked, Refusal.ChecksumMismatch, Refusal.FileTypeMismatch, TusProtocol.UnknownVersion,
            ],
        },
        new(HttpMethod.Delete, "/v1/media/uploads/{id}", Tag, "Give an upload up", "What has arrived of it is dropped. A file that was made of it stays.")
        {
            RequestHeaders = Version,
            Answers = [new(204, "It is gone.")],
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
