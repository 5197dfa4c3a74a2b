using System.Text.Json;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Builds error frames. Their <c>ref</c> is the refused frame's <c>message_id</c>, or else its <c>id</c>.
/// </summary>
internal static class ErrorFrames
{
    internal static readonly Refusal TextFramesOnly = new(
        RefusalKind.Invalid, "text_frames_only", "Frames must be text.");

    internal static readonly Refusal MalformedFrame = new(
        RefusalKind.Invalid, "malformed_frame", "The frame is not a JSON object of the described form.");

    internal static readonly Refusal UnknownOp = new(
        RefusalKind.Invalid, "unknown_op",
        "op must be send, delivered, read, typing, subscribe_presence, sync, ping or authenticate.");

    public static byte[] RateLimited(string? reference, TimeSpan retryAfter) =>
        FrameWriter.Error(reference, Problems.Of(new RefusedException(Refusal.RateLimited, retryAfter)));

    public static byte[] Of(string? reference, Refusal refusal) =>
        FrameWriter.Error(reference, Problems.Of(refusal));

    /// <summary>A frame with wrong fields.</summary>
    /// <param name="detail">Says which, and what they must be.</param>
    public static byte[] Invalid(string? reference, string detail) =>
        Of(reference, Problems.Invalid with { Detail = detail });

    /// <inheritdoc cref="Of(string?, string?, Exception, ILogger)"/>
    public static byte[] Of(ClientFrame frame, Exception exception, ILogger logger) =>
        Of(frame.Op, ReferenceOf(frame), exception, logger);

    /// <summary>A bug is logged under the trace id that the client gets.</summary>
    public static byte[] Of(string? op, string? reference, Exception exception, ILogger logger)
    {
        var problem = Problems.Of(exception);
        if (problem.Status == StatusCodes.Status500InternalServerError)
            logger.LogError(exception, "A {Op} failed, trace {TraceId}.", op, problem.TraceId);
        return FrameWriter.Error(reference, problem);
    }

    public static string? ReferenceOf(ClientFrame frame) => frame.MessageId ?? Text(frame.Id);

    /// <summary>The reference of a frame whose fields have wrong types; null when it is no JSON object.</summary>
    public static string? ReferenceOf(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                return null;
            return document.RootElement.TryGetProperty("message_id", out var message) ? Text(message)
                : document.RootElement.TryGetProperty("id", out var id) ? Text(id)
                : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement? element) => element switch
    {
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { ValueKind: JsonValueKind.Number } number => number.GetRawText(),
        _ => null,
    };
}
