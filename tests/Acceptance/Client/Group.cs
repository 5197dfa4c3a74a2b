using System.Text.Json;

namespace ChatCqrs.Acceptance.Client;

/// <summary>The requests of a group's members.</summary>
public sealed record Group(Guid Id, string Position)
{
    public string Path { get; } = $"/v1/conversations/{Id}";

    public static async Task<Group> StartAsync(Person by, string title, params Person[] others)
    {
        var answer = (await by.PostAsync(
            "/v1/conversations",
            new { type = "group", title, member_ids = others.Select(other => other.Id) })).Expect(201);
        return new Group(answer.Json.Id("conversation_id"), answer.Position);
    }

    public Task<Answer> AddAsync(Person by, params Person[] users) =>
        by.PostAsync($"{Path}/members", new { user_ids = users.Select(user => user.Id) });

    public Task<Answer> RemoveAsync(Person by, Person user) => by.DeleteAsync($"{Path}/members/{user.Id}");

    public Task<Answer> LeaveAsync(Person who) => RemoveAsync(who, who);

    public Task<Answer> ChangeRoleAsync(Person by, Person user, string role) =>
        by.PutAsync($"{Path}/members/{user.Id}/role", new { role });

    public async Task<Sent> SayAsync(Person by, string text, Guid? replyTo = null) =>
        (await by.PostMessageAsync(Draft.In(Id, text).With("reply_to", replyTo))).Expect(201).Read<Sent>();

    public Task<Answer> EditAsync(Person by, Guid message, string text) =>
        by.PatchAsync($"{Path}/messages/{message}", new { text });

    public Task<Answer> DeleteAsync(Person by, Guid message) => by.DeleteAsync($"{Path}/messages/{message}");

    public Task<Answer> ReactAsync(Person by, Guid message, string emoji) =>
        by.PutAsync($"{Path}/messages/{message}/reaction", new { emoji });

    public Task<Answer> UnreactAsync(Person by, Guid message) => by.DeleteAsync($"{Path}/messages/{message}/reaction");

    /// <summary>A message as JSON, with all fields.</summary>
    public async Task<JsonElement> MessageAsync(Person by, Guid message) =>
        (await by.GetAsync($"{Path}/messages/{message}")).Expect(200).Json;

    /// <summary>Members and their roles, in the order of joining.</summary>
    public async Task<IReadOnlyList<(Guid User, string Role, long JoinedSeq)>> MembersAsync(Person by) =>
    [
        .. (await by.GetAsync(Path)).Expect(200).Json.GetProperty("members").EnumerateArray()
            .Select(member => (member.Id("user_id"), member.Text("role")!, member.Number("joined_seq"))),
    ];

    /// <summary>Every timeline entry that the reader may see.</summary>
    public async Task<IReadOnlyList<Entry>> EntriesAsync(Person by)
    {
        var entries = new List<Entry>();
        while (true)
        {
            var page = await by.TimelinePageAsync(Id, entries.Count > 0 ? entries[^1].Seq : null, limit: 50);
            entries.AddRange(page.Entries);
            if (page.Entries.Count < 50) return entries;
        }
    }
}
