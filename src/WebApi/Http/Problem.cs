using System.Text.Json;
using System.Text.Json.Serialization;

namespace ChatCqrs.WebApi.Http;

/// <summary>
/// Why something was refused, in the form of RFC 9457: the body of every REST error, and the <c>problem</c> of the socket's error frames.
/// </summary>
/// <param name="Type">Stable, one for each <paramref name="Code"/>.</param>
/// <param name="Title">The status in words.</param>
/// <param name="Detail">One sentence for a person; never content of a message.</param>
/// <param name="Code">Stable and machine readable.</param>
/// <param name="TraceId">To find it again in logs and traces.</param>
/// <param name="Errors">For <c>invalid</c>: what is wrong, by field.</param>
public sealed record Problem(
    string Type, string Title, int Status, string Detail, string Code, string TraceId,
    IReadOnlyDictionary<string, IReadOnlyList<string>>? Errors = null)
{
    public const string MediaType = "application/problem+json";

    /// <summary>When trying again makes sense; goes into the header <c>Retry-After</c>.</summary>
    [JsonIgnore]
    public TimeSpan? RetryAfter { get; init; }

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, ProblemJson.Default.Problem);

    public JsonElement ToElement() => JsonSerializer.SerializeToElement(this, ProblemJson.Default.Problem);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Problem))]
internal sealed partial class ProblemJson : JsonSerializerContext;
