using ChatCqrs.Demo.Client;

namespace ChatCqrs.Demo.Scenes;

/// <summary>
/// Three users in a group: one order for all, updates for all members, nothing more for a removed member.
/// </summary>
public sealed class InAGroup : IScene
{
    public string Title => "Three people in a group";

    public async Task PlayAsync(Stage stage)
    {
        var (ada, ben) = (stage.Ada, stage.Ben);
        var cat = await stage.RegisterAsync("Cat");
        await cat.ComeOnlineAsync();
        stage.Narrator.Does(cat.Name, "is registered and online");
        Person[] people = [ada, ben, cat];

        var group = await StartAsync(stage, people);
        var written = await AllAtOnceAsync(stage, group, people);
        await ChangesAsync(stage, group, written, people);
        await ReadAsync(stage, written[0], ben, cat);
        await RemoveAsync(stage, group, ada, ben, cat);
    }

    private static async Task<Guid> StartAsync(Stage stage, Person[] people)
    {
        var (ada, others) = (people[0], people[1..]);
        var body = new { type = "group", title = "Cake", member_ids = others.Select(other => other.Id) };
        var started = (await ada.PostAsync("/v1/conversations", body)).Expect(201).Body;
        var group = started.GetProperty("conversation_id").GetGuid();
        foreach (var other in others)
        {
            if ((await other.UpdateAsync(group, "conversation_started")).GetProperty("title").GetString() != "Cake")
                throw new NotSeenException($"the group's title at {other.Name}.");
        }

        stage.Narrator.Saw(ada.Name, "starts the group “Cake” with Ben and Cat, who see it at once");
        return group;
    }

    private static async Task<Written[]> AllAtOnceAsync(Stage stage, Guid group, Person[] people)
    {
        var written = await Task.WhenAll(
            people.Select(person => person.SayAsync(group, $"{person.Name} has a recipe.")));
        foreach (var person in people)
        {
            foreach (var other in written.Where((_, n) => people[n] != person))
                await person.GetMessageAsync(other);
        }

        var orders = new List<string>();
        foreach (var person in people)
        {
            var page = (await person.GetAsync($"/v1/conversations/{group}/messages")).Expect(200).Body;
            orders.Add(
                string.Join(
                    ", ",
                    page.GetProperty("messages").EnumerateArray()
                        .Select(message => message.GetProperty("text").GetString())));
        }

        if (orders.Distinct().Count() != 1 || !written.Select(message => message.Seq).Order().SequenceEqual([1, 2, 3]))
            throw new NotSeenException($"one order for all three: {string.Join(" / ", orders)}");
        stage.Narrator.Saw("all", $"write at once and see one order: {orders[0]}");
        return written;
    }

    private static async Task ChangesAsync(Stage stage, Guid group, Written[] written, Person[] people)
    {
        var (ada, ben, cat) = (people[0], people[1], people[2]);
        string PathOf(Written message) => $"/v1/conversations/{group}/messages/{message.MessageId}";

        (await ben.ChangeAsync(HttpMethod.Put, $"{PathOf(written[2])}/reaction", new { emoji = "🎂" })).Expect(204);
        if ((await cat.UpdateAsync(group, "reaction_set")).GetProperty("emoji").GetString() != "🎂")
            throw new NotSeenException("Ben's reaction at Cat.");
        stage.Narrator.Saw(cat.Name, "sees Ben's 🎂 at her message");

        (await ada.ChangeAsync(HttpMethod.Patch, PathOf(written[0]), new { text = "Ada has two recipes." })).Expect(
            200);
        if ((await ben.UpdateAsync(group, "message_edited")).GetProperty("text").GetString() != "Ada has two recipes.")
            throw new NotSeenException("Ada's edit at Ben.");
        stage.Narrator.Saw(ben.Name, "sees what Ada made of hers: “Ada has two recipes.”");

        (await cat.ChangeAsync(HttpMethod.Delete, PathOf(written[2]))).Expect(204);
        await ada.UpdateAsync(group, "message_deleted");
        var deleted = (await ada.GetAsync(PathOf(written[2]))).Expect(200).Body;
        if (deleted.GetProperty("text").GetString() is not null
            || deleted.GetProperty("deleted_at").GetString() is null)
            throw new NotSeenException($"a message without its text: {deleted}");
        stage.Narrator.Saw(ada.Name, "finds Cat's deleted for everyone, without its text");
    }

    private static async Task ReadAsync(Stage stage, Written message, Person ben, Person cat)
    {
        await ben.ConfirmAsync("read", message.Conversation, 3);
        await stage.Ada.ReceiptAsync(ben, message.Conversation, "read_seq", 3);
        await stage.ExpectStatusAsync(stage.Ada, message, "sent"); // Cat has not acknowledged it.
        await cat.ConfirmAsync("read", message.Conversation, 3);
        await stage.Ada.ReceiptAsync(cat, message.Conversation, "read_seq", 3);
        await stage.ExpectStatusAsync(stage.Ada, message, "read");
        stage.Narrator.Read(stage.Ada.Name, "by Ben and by Cat");
    }

    private static async Task RemoveAsync(Stage stage, Guid group, Person ada, Person ben, Person cat)
    {
        (await cat.ChangeAsync(HttpMethod.Delete, $"/v1/conversations/{group}/members/{ben.Id}"))
            .Expect(403, "not_an_admin");
        stage.Narrator.Saw(cat.Name, "may not remove anybody: she is no admin");
        (await ada.ChangeAsync(HttpMethod.Delete, $"/v1/conversations/{group}/members/{cat.Id}")).Expect(204);
        await cat.UpdateAsync(group, "member_removed");
        var without = await ada.SayAsync(group, "Just you and me, Ben.");
        await ben.GetMessageAsync(without);
        await ben.ConfirmAsync("read", group, without.Seq);
        await ada.ReceiptAsync(ben, group, "read_seq", without.Seq);
        (await cat.GetAsync($"/v1/conversations/{group}")).Expect(404, "conversation_unknown");
        if (cat.Socket.Holds("message", "message_id", without.MessageId))
            throw new NotSeenException("a socket that is silent for who was removed.");
        stage.Narrator.Saw(cat.Name, "is removed: 404, and no further frame");
        await cat.GoOfflineAsync();
    }
}
