using System.Text.Json;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Messages;

/// <summary>
/// What a vote must fit. It stands in the poll's sealed content, which never changes: an edit replaces the question
/// alone.
/// </summary>
/// <param name="Count">How many options there are.</param>
/// <param name="IsMultiple">Whether a vote may have several.</param>
internal sealed record PollChoices(int Count, bool IsMultiple)
{
    /// <returns>Null where the server does not know them: the content is encrypted, or none of a poll.</returns>
    public static PollChoices? Of(MessageContent content) =>
        content.MediaObject is { ValueKind: JsonValueKind.Object } poll
        && poll.TryGetProperty("options", out var options) && options.ValueKind == JsonValueKind.Array
            ? new PollChoices(
                Math.Min(options.GetArrayLength(), Vote.OptionsMax),
                poll.TryGetProperty("multiple", out var multiple) && multiple.ValueKind == JsonValueKind.True)
            : null;

    /// <returns>What is wrong with a vote, for the voter; null if nothing is.</returns>
    public string? FaultOf(IReadOnlyList<int> vote) =>
        vote.Any(option => option < 0 || option >= Count) ? $"must be indexes from 0 to {Count - 1}."
        : !IsMultiple && vote.Distinct().Count() > 1 ? "must be one: this poll takes no more."
        : null;
}
