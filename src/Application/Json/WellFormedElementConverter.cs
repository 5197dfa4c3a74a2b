using System.Text.Json;
using System.Text.Json.Serialization;

namespace ChatCqrs.Application.Json;

/// <summary>
/// Passes JSON on unchanged, but refuses texts that are not Unicode: JSON can encode half of a surrogate pair (RFC
/// 8259, section 8.2), or bytes that are not UTF-8, which later readers could not decode. It refuses a name that stands
/// twice in an object, too, because readers disagree which of the values counts.
/// </summary>
public sealed class WellFormedElementConverter : JsonConverter<JsonElement>
{
    public override JsonElement Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var element = JsonElement.ParseValue(ref reader);
        Check(element);
        return element;
    }

    public override void Write(Utf8JsonWriter writer, JsonElement value, JsonSerializerOptions options) =>
        value.WriteTo(writer);

    private static void Check(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                CheckText(element);
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                    Check(item);
                break;
            case JsonValueKind.Object:
                var names = new HashSet<string>(StringComparer.Ordinal);
                foreach (var property in element.EnumerateObject())
                {
                    if (!names.Add(NameOf(property)))
                        throw new JsonException("A name stands twice in an object.");
                    Check(property.Value);
                }

                break;
        }
    }

    private static void CheckText(JsonElement element)
    {
        try
        {
            _ = element.GetString();
        }
        catch (InvalidOperationException exception)
        {
            throw new JsonException("A text is no Unicode.", exception);
        }
    }

    private static string NameOf(JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException exception)
        {
            throw new JsonException("A name is no Unicode.", exception);
        }
    }
}
