using System.Text.Json;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Builds error frames. Their <c>ref</c> is the refused frame's <c>message_id</c>, or else its <c>id</c>.
/// </summary>
internal static class ErrorFrames
{
    public static byte[] RateLimited(string? reference, TimeSpan retryAfter) =>
        FrameWriter.Error(reference, Problems.Of(new RefusedException(Refusal.RateLimited, retryAfter)));

    public static byte[] BadRequest(string? reference, string code, string detail) =>
        FrameWriter.Error(reference, Problems.Of(StatusCodes.Status400BadRequest, code, detail));

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
