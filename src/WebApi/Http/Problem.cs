using System.Text.Json;
using System.Text.Json.Serialization;

namespace ChatCqrs.WebApi.Http;

/// <summary>
/// A refusal in the form of RFC 9457: the body of every REST error, and the <c>problem</c> of the socket's error
/// frames.
/// </summary>
/// <param name="Type">A stable URN, one for each <paramref name="Code"/>.</param>
/// <param name="Title">The status in words.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Detail">One sentence for a person; never content of a message.</param>
/// <param name="Code">Stable and machine readable.</param>
/// <param name="TraceId">The trace in the server's logs and traces.</param>
/// <param name="Errors">For <c>invalid</c>: the messages by field.</param>
public sealed record Problem(
    string Type, string Title, int Status, string Detail, string Code, string TraceId,
    IReadOnlyDictionary<string, IReadOnlyList<string>>? Errors = null)
{
    public const string MediaType = "application/problem+json";

    /// <summary>The header <c>Retry-After</c>; null for none.</summary>
    [JsonIgnore]
    public TimeSpan? RetryAfter { get; init; }

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, ProblemJson.Default.Problem);

    public JsonElement ToElement() => JsonSerializer.SerializeToElement(this, ProblemJson.Default.Problem);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Problem))]
internal sealed partial class ProblemJson : JsonSerializerContext;
