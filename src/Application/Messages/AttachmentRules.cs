using System.Buffers.Text;
using System.Text.Json;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Messages;

/// <summary>
/// What <c>document</c> (messages of type <c>document</c>) and <c>media_object</c> (of the other types) hold, so that
/// clients of different makers show the same thing: an id of a file, or an object. The members below are checked where
/// they are given and not null; others are kept as they are.
/// </summary>
internal static class AttachmentRules
{
    private const int WaveformMax = 64, WaveformTop = 255;

    /// <summary>The most bytes of a <c>thumbhash</c>, decoded.</summary>
    private const int ThumbHashMax = 64;

    private const int OptionsMin = 2, OptionsMax = 12, OptionMax = 100;

    private static readonly Rule Id = new(IsId, "a UUID");
    private static readonly Rule Text = new(value => value.ValueKind == JsonValueKind.String, "a text");
    private static readonly Rule Count = new(
        value => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= 0,
        "a whole number from 0");

    private static readonly Rule True = new(value => value.ValueKind == JsonValueKind.True, "true");
    private static readonly Rule Boolean = new(
        value => value.ValueKind is JsonValueKind.True or JsonValueKind.False, "true or false");

    private static readonly Dictionary<string, Rule> OfFiles = new()
    {
        ["file_id"] = Id,
        ["thumbnail_file_id"] = Id,
        ["name"] = Text,
        ["content_type"] = Text,
        ["size"] = Count,
        ["width"] = Count,
        ["height"] = Count,
        ["duration_ms"] = Count,
        ["sticker"] = True,
        ["voice"] = True,
        ["waveform"] = new(
            value => IsListOf(value, 1, WaveformMax, item => IsWithin(item, 0, WaveformTop)),
            $"a list of 1 to {WaveformMax} numbers from 0 to {WaveformTop}"),
        ["thumbhash"] = new(
            value => value.ValueKind == JsonValueKind.String
                && !value.GetString()!.Any(char.IsWhiteSpace) // Which the validation of base64 passes over.
                && Base64.IsValid(value.GetString(), out var size) && size <= ThumbHashMax,
            $"at most {ThumbHashMax} bytes in base64"),
    };

    private static readonly Dictionary<string, Rule> OfLocations = new()
    {
        ["latitude"] = new(value => IsWithin(value, -90, 90), "a number of degrees from -90 to 90", IsRequired: true),
        ["longitude"] = new(
            value => IsWithin(value, -180, 180), "a number of degrees from -180 to 180", IsRequired: true),
        ["accuracy_m"] = new(value => IsWithin(value, 0, double.MaxValue), "a number from 0"),
        ["name"] = Text,
        ["address"] = Text,
    };

    private static readonly Dictionary<string, Rule> OfContacts = new()
    {
        ["name"] = Text,
        ["user_id"] = Id,
        ["phones"] = new(
            value => IsListOf(
                value, 0, int.MaxValue,
                item => item.ValueKind == JsonValueKind.String && PhoneNumber.IsE164(item.GetString())),
            "a list of phone numbers in E.164 form"),
    };

    private static readonly Dictionary<string, Rule> OfPolls = new()
    {
        ["options"] = new(
            value => IsListOf(
                value, OptionsMin, OptionsMax,
                item => item.ValueKind == JsonValueKind.String && PlainText.IsLine(item.GetString()!, OptionMax)),
            $"a list of {OptionsMin} to {OptionsMax} texts of 1 to {OptionMax} characters, {PlainText.LineRule}",
            IsRequired: true),
        ["multiple"] = Boolean,
    };

    /// <param name="attachment">Null or JSON's null where the message has none.</param>
    /// <returns>What is wrong, for the sender; null if nothing is.</returns>
    public static string? FaultOf(MessageType type, JsonElement? attachment)
    {
        var rules = RulesOf(type);
        if (attachment is not { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) } given)
            return rules.Values.Any(rule => rule.IsRequired) ? "must be given." : null;
        if (given.ValueKind == JsonValueKind.String && IsId(given) && !rules.Values.Any(rule => rule.IsRequired))
            return null;
        if (given.ValueKind != JsonValueKind.Object)
            return "must be the id of a file, or an object.";
        foreach (var (name, rule) in rules)
        {
            var isGiven = given.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;
            if (isGiven ? !rule.Holds(value) : rule.IsRequired)
                return $"{name} must be {rule.What}.";
        }

        return null;
    }

    private static Dictionary<string, Rule> RulesOf(MessageType type) => type switch
    {
        MessageType.Location => OfLocations,
        MessageType.Contact => OfContacts,
        MessageType.Poll => OfPolls,
        _ => OfFiles,
    };

    private static bool IsId(JsonElement value) =>
        value.ValueKind == JsonValueKind.String && Uuids.IsOne(value.GetString());

    private static bool IsWithin(JsonElement value, double min, double max) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= min && number <= max;

    private static bool IsListOf(JsonElement value, int min, int max, Func<JsonElement, bool> holds) =>
        value.ValueKind == JsonValueKind.Array && value.GetArrayLength() is var count && count >= min && count <= max
        && value.EnumerateArray().All(holds);

    /// <param name="What">What a value must be, after "must be".</param>
    private sealed record Rule(Func<JsonElement, bool> Holds, string What, bool IsRequired = false);
}
