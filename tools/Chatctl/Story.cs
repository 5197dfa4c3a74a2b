using System.Text;
using System.Text.Json.Nodes;

namespace ChatCqrs.Chatctl;

/// <summary>A conversation's history and states as text for people, one event or message a line.</summary>
internal sealed class Story(Names names, TextWriter output)
{
    /// <summary>One line of a replay: an event, and what it changed.</summary>
    public async Task TellAsync(JsonNode line, CancellationToken cancellationToken)
    {
        var changes = line["changes"]!.AsArray();
        await names.LoadAsync(
            [Commands.Text(line["actor_id"]), .. changes.Select(change => PersonOf(Path(change!)))], cancellationToken);
        var seq = line["seq"] is { } number ? $"#{number}" : "";
        var said = changes.Select(change => Said(change!)).OfType<string>().ToList();
        await output.WriteLineAsync(
            $"{line["at"]}  {seq,7}  {names.Of(Commands.Text(line["actor_id"]))}: {line["type"]}"
            + (said.Count == 0 ? "" : $"  {string.Join("; ", said)}"));
    }

    /// <summary>What stands above the messages.</summary>
    public async Task HeadAsync(JsonNode state, CancellationToken cancellationToken)
    {
        var members = state["members"]!.AsArray();
        await names.LoadAsync(members.Select(member => Commands.Text(member!["user_id"])), cancellationToken);
        await output.WriteLineAsync(
            $"As of entry {state["as_of_seq"]}, {state["as_of"]}: "
            + $"{state["type"]} {Clean(Commands.Text(state["title"]))}");
        await output.WriteLineAsync(state["recorded_by"] is { } batch
            ? $"Recorded by batch {batch["batch"]}, {batch["time"]}." : "No batch of the log of heads has it yet.");
        foreach (var member in members)
        {
            await output.WriteLineAsync(
                $"  {names.Of(Commands.Text(member!["user_id"]))}: {member["role"]} since entry "
                + $"{member["joined_seq"]}, delivered up to {member["delivered_seq"] ?? "-"}, "
                + $"read up to {member["read_seq"] ?? "-"}");
        }
    }

    /// <summary>Messages of a state, the newest first.</summary>
    public async Task EntriesAsync(JsonNode state, CancellationToken cancellationToken)
    {
        var entries = state["entries"]!.AsArray();
        await names.LoadAsync(entries.Select(entry => Commands.Text(entry!["actor_id"])), cancellationToken);
        foreach (var entry in entries)
        {
            await output.WriteLineAsync(
                $"{entry!["at"]}  {$"#{entry["seq"]}",7}  {names.Of(Commands.Text(entry["actor_id"]))}: "
                + ContentOf(entry));
        }
    }

    /// <summary>What a change of RFC 6902 means for people; null where the event's type says enough.</summary>
    private string? Said(JsonNode change)
    {
        var value = change["value"];
        return Path(change) switch
        {
            ["entries", _] when value is JsonObject entry => ContentOf(entry),
            ["entries", var seq, "content"] when value is JsonObject content => $"#{seq}: {Readable(content)}",
            ["entries", var seq, var what, ..] => $"#{seq}: {what}",
            ["members", var id] => Commands.Text(change["op"]) == "remove"
                ? $"without {names.Of(id)}" : $"with {names.Of(id)} as {value?["role"]}",
            ["members", var id, "role"] => $"{names.Of(id)} is {value}",
            ["members", var id, "delivered_seq"] => $"delivered to {names.Of(id)} up to #{value}",
            ["members", var id, "read_seq"] => $"read by {names.Of(id)} up to #{value}",
            ["title"] => $"title {Clean(value?.ToString())}",
            ["retention", ..] => $"retention {value?.ToJsonString()}",
            _ => null,
        };
    }

    private static string ContentOf(JsonNode entry)
    {
        var notes = new StringBuilder();
        if (entry["edited_at"] is { } edited)
            notes.Append($" (edited {edited})");
        if (entry["deleted_at"] is { } deleted)
            notes.Append($" (deleted {deleted})");
        foreach (var (emoji, people) in entry["reactions"]?.AsObject() ?? [])
            notes.Append($" {emoji} {people!.AsArray().Count}");
        var content = entry["gone"] is { } gone ? $"[{gone}]"
            : entry["content"] is JsonObject open ? Readable(open)
            : "[sealed]";
        return content + notes;
    }

    private static string Readable(JsonObject content)
    {
        var others = content.Where(pair => pair.Key != "text" && pair.Value is not null).ToList();
        var rest = new JsonObject(others.Select(pair => KeyValuePair.Create(pair.Key, pair.Value?.DeepClone())));
        var more = others.Count == 0 ? "" : " " + rest.ToJsonString();
        return $"{Clean(content["text"]?.ToString())}{more}";
    }

    private static string? PersonOf(string[] path) =>
        path is ["members", var id, ..] && Guid.TryParse(id, out _) ? id : null;

    /// <summary>The parts of a JSON Pointer (RFC 6901).</summary>
    private static string[] Path(JsonNode change) =>
    [
        .. Commands.Text(change["path"])!.Split('/').Skip(1).Select(part =>
            part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)),
    ];

    /// <summary>
    /// Text on one line, in quotes; without control characters, with which a message could write to the terminal.
    /// </summary>
    private static string Clean(string? text) =>
        text is null ? "" : $"\"{string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c))}\"";
}
