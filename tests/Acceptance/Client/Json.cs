using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace ChatCqrs.Acceptance.Client;

/// <summary>The contract's JSON: snake_case names.</summary>
public static class Json
{
    private static readonly JsonSerializerOptions Reading = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    /// <summary>Writes names exactly as the test spells them.</summary>
    private static readonly JsonSerializerOptions Writing = new();

    public static string Write(object? value) => value as string ?? JsonSerializer.Serialize(value, Writing);

    public static T Read<T>(JsonElement element) =>
        element.Deserialize<T>(Reading) ?? throw new InvalidOperationException($"Expected {typeof(T).Name}, got null.");

    public static JsonElement Parse(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    /// <summary>A request body. A string is sent as it is, valid JSON or not.</summary>
    public static HttpContent Body(object? value) => Raw(Encoding.UTF8.GetBytes(Write(value)));

    public static HttpContent Raw(byte[] bytes, string mediaType = "application/json")
    {
        var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(mediaType);
        return content;
    }

    /// <summary>The string at a property; null if it is absent or not a string.</summary>
    public static string? Text(this JsonElement element, string property) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(property, out var value)
            && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public static Guid Id(this JsonElement element, string property) => element.GetProperty(property).GetGuid();

    public static long Number(this JsonElement element, string property) => element.GetProperty(property).GetInt64();
}
