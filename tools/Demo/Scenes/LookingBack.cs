using System.Text.Json;

namespace ChatCqrs.Demo.Scenes;

/// <summary>
/// Both users see one history: all messages in the order of the acknowledgements, gap-free and without duplicates.
/// </summary>
public sealed class LookingBack : IScene
{
    public string Title => "Both look back";

    public async Task PlayAsync(Stage stage)
    {
        foreach (var person in new[] { stage.Ada, stage.Ben })
        {
            var answer = (await person.GetAsync($"/v1/conversations/{stage.Conversation}/timeline?limit=200")).Expect(
                200).Body;
            var entries = answer.GetProperty("entries").EnumerateArray().ToList();
            if (!entries.Select(SeqOf).SequenceEqual(Enumerable.Range(0, entries.Count).Select(seq => (long)seq)))
                throw new NotSeenException(
                    $"a history without gaps at {person.Name}: {string.Join(", ", entries.Select(SeqOf))}");
            var messages = entries.Where(entry => entry.GetProperty("kind").GetString() == "message")
                .Select(entry => entry.GetProperty("message")).ToList();
            if (!messages.Select(message => (SeqOf(message), message.GetProperty("text").GetString())).SequenceEqual(
                stage.Written.Select(written => (written.Seq, (string?)written.Text))))
                throw new NotSeenException($"what was written, at {person.Name}: {answer}");
            stage.Narrator.Saw(
                person.Name, $"sees {messages.Count} messages, seq 0 to {entries.Count - 1} without a gap");
        }

        var unread = (await stage.Ben.GetAsync("/v1/messages")).Expect(200).Body.GetProperty(
            "messages").GetArrayLength();
        if (unread != 0)
            throw new NotSeenException($"an empty list of unread messages at Ben, but {unread}.");
        stage.Narrator.Saw(stage.Ben.Name, "has nothing unread");
    }

    private static long SeqOf(JsonElement entry) => entry.GetProperty("seq").GetInt64();
}
