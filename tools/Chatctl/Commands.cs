using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using ChatCqrs.Client;

namespace ChatCqrs.Chatctl;

/// <summary>The commands. Each calls the API as the wire contract describes it.</summary>
internal static class Commands
{
    public const string Usage =
        """
        usage: chatctl COMMAND [OPTIONS]

          sign-in URL PHONE                 asks for the code that is sent to the phone; later commands use that server
          sign-out
          audit list [--user ID] [--from TIME] [--to TIME]
                                            conversations, one a line
          audit replay ID [--from-seq N] [--to-seq N] [--matter ID]
                                            what happened in a conversation, one event a line
          audit state ID [--seq N | --time TIME] [--matter ID]
                                            how a conversation stood then; now by default
          audit verify ID                   whether its hash chain is whole
          audit export ID... --output FILE [--matter ID] [--from TIME] [--to TIME]
                                            a file that verifies offline (tools/verify)

        Times are RFC 3339, such as 2026-11-29T18:57:00Z. Everything that audit shows is recorded with your name.
        Tokens are kept in $CHATCTL_HOME, by default ~/.config/chatctl, readable by you alone.
        """;

    /// <summary>How often an export's progress is asked for.</summary>
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    /// <summary>How long the first line of a replay or a verification may take.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    public static Task<int> RunAsync(string[] arguments, CancellationToken cancellationToken) => arguments switch
    {
        ["--help" or "-h" or "help"] => HelpAsync(),
        ["sign-in", .. var rest] => SignInAsync(new(rest), cancellationToken),
        ["sign-out"] => SignOutAsync(cancellationToken),
        ["audit", "list", .. var rest] => ListAsync(new(rest, "user", "from", "to"), cancellationToken),
        ["audit", "replay", .. var rest] =>
            ReplayAsync(new(rest, "from-seq", "to-seq", "matter"), cancellationToken),
        ["audit", "state", .. var rest] => StateAsync(new(rest, "seq", "time", "matter"), cancellationToken),
        ["audit", "verify", .. var rest] => VerifyAsync(new(rest), cancellationToken),
        ["audit", "export", .. var rest] =>
            ExportAsync(new(rest, "output", "matter", "from", "to"), cancellationToken),
        _ => throw new UsageException(""),
    };

    private static async Task<int> HelpAsync()
    {
        await Console.Out.WriteLineAsync(Usage);
        return 0;
    }

    private static async Task<int> SignInAsync(Arguments arguments, CancellationToken cancellationToken)
    {
        if (arguments.Words is not [var address, var phone] || !Uri.TryCreate(address, UriKind.Absolute, out var url))
            throw new UsageException("sign-in needs the server's address and a phone.");
        await using var client = Home.Client(url);
        var asked = await client.RegisterAsync(phone, cancellationToken: cancellationToken);
        if (asked.Code is not null)
            await Console.Error.WriteLineAsync($"(This server runs in Development: the code is {asked.Code}.)");
        await Console.Error.WriteAsync("The code: ");
        var code = await Console.In.ReadLineAsync(cancellationToken) ?? throw new UsageException("No code was given.");
        await client.VerifyAsync(code.Trim(), cancellationToken);
        await Home.RememberAsync(url, cancellationToken);
        await Console.Out.WriteLineAsync($"Signed in at {url}.");
        return 0;
    }

    private static async Task<int> SignOutAsync(CancellationToken cancellationToken)
    {
        await using var client = await Home.ClientAsync(cancellationToken);
        await client.SignOutAsync(cancellationToken);
        await Console.Out.WriteLineAsync("Signed out.");
        return 0;
    }

    private static async Task<int> ListAsync(Arguments arguments, CancellationToken cancellationToken)
    {
        await using var client = await Home.ClientAsync(cancellationToken);
        var names = new Names(client);
        var query = arguments.Query(("user", "user_id"), ("from", "from"), ("to", "to"));
        for (string? cursor = null; ;)
        {
            var next = cursor is null ? "" : $"{(query.Length == 0 ? '?' : '&')}cursor={cursor}";
            var page = await GetAsync(client, $"v1/audit/conversations{query}{next}", cancellationToken);
            var conversations = page["conversations"]!.AsArray();
            await names.LoadAsync(
                conversations.SelectMany(one => one!["members"]!.AsArray()).Select(Text), cancellationToken);
            foreach (var one in conversations)
            {
                var people = string.Join(", ", one!["members"]!.AsArray().Select(id => names.Of(Text(id))));
                await Console.Out.WriteLineAsync(
                    $"{one["conversation_id"]}  {one["type"],-6}  {one["started_at"]} to {one["last_at"]}  "
                    + $"{one["last_seq"]!.GetValue<long>() + 1} entries  {people}");
            }

            cursor = Text(page["next_cursor"]);
            if (cursor is null)
                return 0;
        }
    }

    private static async Task<int> ReplayAsync(Arguments arguments, CancellationToken cancellationToken)
    {
        var query = arguments.Query(("from-seq", "from_seq"), ("to-seq", "to_seq"), ("matter", "matter"));
        await using var client = await Home.ClientAsync(cancellationToken);
        var story = new Story(new Names(client), Console.Out);
        using var answer = await client.CallAsync(
            HttpMethod.Get, $"v1/audit/conversations/{arguments.Id()}/replay{query}", within: Patience,
            cancellationToken: cancellationToken);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(cancellationToken));
        while (await lines.ReadLineAsync(cancellationToken) is { } line)
            await story.TellAsync(JsonNode.Parse(line)!, cancellationToken);
        return 0;
    }

    private static async Task<int> StateAsync(Arguments arguments, CancellationToken cancellationToken)
    {
        var query = arguments.Query(("seq", "as_of_seq"), ("time", "as_of"), ("matter", "matter"));
        await using var client = await Home.ClientAsync(cancellationToken);
        var story = new Story(new Names(client), Console.Out);
        for (string? cursor = null; ;)
        {
            var next = cursor is null ? "" : $"{(query.Length == 0 ? '?' : '&')}cursor={cursor}";
            var state = await GetAsync(
                client, $"v1/audit/conversations/{arguments.Id()}/state{query}{next}", cancellationToken);
            if (cursor is null)
                await story.HeadAsync(state, cancellationToken);
            await story.EntriesAsync(state, cancellationToken);
            cursor = Text(state["next_cursor"]);
            if (cursor is null)
                return 0;
        }
    }

    /// <returns>0 if the chain is whole, else 1.</returns>
    private static async Task<int> VerifyAsync(Arguments arguments, CancellationToken cancellationToken)
    {
        await using var client = await Home.ClientAsync(cancellationToken);
        var found = await GetAsync(
            client, $"v1/audit/conversations/{arguments.Id()}/verification", cancellationToken);
        var isWhole = found["verified"]!.GetValue<bool>();
        await Console.Out.WriteLineAsync(
            $"{(isWhole ? "The hash chain is whole" : $"The hash chain is broken at entry {found["first_bad_seq"]}")}: "
            + $"{found["events"]} events from entry {found["from_seq"]}, head {found["head"]}.");
        await Console.Out.WriteLineAsync(found["anchored_seq"] is { } anchored
            ? $"Up to entry {anchored} it is in the log of heads (batch {found["batch"]})."
            : "No batch of the log of heads has it yet.");
        foreach (var problem in found["problems"]!.AsArray())
            await Console.Out.WriteLineAsync($"entry {problem!["seq"]}: {problem["code"]}");
        return isWhole ? 0 : 1;
    }

    private static async Task<int> ExportAsync(Arguments arguments, CancellationToken cancellationToken)
    {
        var ids = arguments.Words.Select(word => Guid.TryParse(word, out var id)
            ? id : throw new UsageException($"{word} is no id of a conversation.")).ToArray();
        if (ids.Length == 0 || arguments["output"] is not { } file)
            throw new UsageException("export needs conversations and --output FILE.");
        await using var client = await Home.ClientAsync(cancellationToken);
        var body = new JsonObject
        {
            ["conversation_ids"] = new JsonArray([.. ids.Select(id => (JsonNode)id.ToString())]),
        };
        foreach (var (option, name) in new[] { ("matter", "matter_id"), ("from", "from"), ("to", "to") })
        {
            if (arguments[option] is { } value)
                body[name] = value;
        }

        var made = await ReadAsync(
            await client.CallAsync(
                HttpMethod.Post, "v1/audit/exports", () => Json(body), cancellationToken: cancellationToken),
            cancellationToken);
        var export = $"v1/audit/exports/{made["export_id"]}";
        while (true)
        {
            var state = await GetAsync(client, export, cancellationToken);
            await Console.Error.WriteLineAsync($"{state["status"]}: {state["done"]} of {state["total"]}");
            if (Text(state["status"]) == "failed")
                return 1;
            if (Text(state["status"]) == "done")
                break;
            await Task.Delay(Every, cancellationToken);
        }

        await SaveAsync(client, export + "/file", file, cancellationToken);
        await Console.Out.WriteLineAsync($"{file} is written. Check it with tools/verify, by the server's vkey.");
        return 0;
    }

    /// <summary>The file has its name once it is complete.</summary>
    private static async Task SaveAsync(
        ChatClient client, string path, string file, CancellationToken cancellationToken)
    {
        var part = file + ".part";
        using (var answer = await client.CallAsync(
            HttpMethod.Get, path, within: Patience, cancellationToken: cancellationToken))
        await using (var target = File.Create(part))
            await answer.Content.CopyToAsync(target, cancellationToken);
        File.Move(part, file, overwrite: true);
    }

    private static async Task<JsonNode> GetAsync(
        ChatClient client, string path, CancellationToken cancellationToken) => await ReadAsync(
            await client.CallAsync(HttpMethod.Get, path, within: Patience, cancellationToken: cancellationToken),
            cancellationToken);

    private static async Task<JsonNode> ReadAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        using (answer)
            return (await JsonNode.ParseAsync(
                await answer.Content.ReadAsStreamAsync(cancellationToken), cancellationToken: cancellationToken))!;
    }

    private static ByteArrayContent Json(JsonNode body) => new(JsonSerializer.SerializeToUtf8Bytes(body))
    {
        Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
    };

    internal static string? Text(JsonNode? node) => node?.GetValue<string>();
}
