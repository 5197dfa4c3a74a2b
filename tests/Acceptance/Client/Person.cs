using System.Globalization;

namespace ChatCqrs.Acceptance.Client;

/// <summary>A registered user at one device, and their requests.</summary>
public sealed class Person(ChatApi api, string phone, Session session)
{
    public ChatApi Api { get; } = api;
    public string Phone { get; } = phone;
    public Session Session { get; private set; } = session;
    public Guid Id => Session.UserId;
    public string Token => Session.AccessToken;

    public static async Task<Person> RegisterAsync(
        ChatApi api, string? phone = null, string name = "Ada", string device = "Pixel")
    {
        phone ??= Phones.Next();
        var begun = (await api.PostAsync("/v1/registrations", new { phone, name })).Expect(202).Read<Registration>();
        Assert.False(string.IsNullOrEmpty(begun.Code), "In Development the answer to a registration carries the code.");
        var done = await api.PostAsync(
            $"/v1/registrations/{begun.RegistrationId}/verification",
            new { code = begun.Code, device = new { name = device, platform = "android" } });
        return new Person(api, phone, done.Expect(200).Read<Session>());
    }

    /// <summary>Registers a further device of the same user.</summary>
    public Task<Person> AddDeviceAsync(ChatApi? at = null) => RegisterAsync(at ?? Api, Phone, device: "Laptop");

    /// <summary>The same user and device, at another node.</summary>
    public Person At(ChatApi other) => new(other, Phone, Session);

    public Task<Answer> GetAsync(string path, string? after = null) =>
        Api.SendAsync(HttpMethod.Get, path, token: Token, minPosition: after);

    public Task<Answer> PostAsync(string path, object? body) => Api.PostAsync(path, body, Token);

    public Task<Answer> PutAsync(string path, object? body = null) =>
        Api.SendAsync(HttpMethod.Put, path, body is null ? null : Json.Body(body), Token);

    public Task<Answer> PatchAsync(string path, object? body) =>
        Api.SendAsync(HttpMethod.Patch, path, Json.Body(body), Token);

    public Task<Answer> DeleteAsync(string path) => Api.SendAsync(HttpMethod.Delete, path, token: Token);

    public Task<Answer> PostMessageAsync(Draft draft) => PostAsync("/v1/messages", draft);

    /// <summary>Sends a text by REST; fails unless the message is new.</summary>
    public async Task<Sent> SayAsync(Person to, string text, Guid? id = null) =>
        (await PostMessageAsync(Draft.To(to.Id, text, id))).Expect(201).Read<Sent>();

    /// <summary>
    /// Confirms all entries up to these seqs as delivered or read. Returns the position of the receipt.
    /// </summary>
    public async Task<string> ConfirmAsync(Guid conversation, long? delivered = null, long? read = null)
    {
        var body = new Dictionary<string, long>();
        if (delivered is { } d) body["delivered_seq"] = d;
        if (read is { } r) body["read_seq"] = r;
        return (await PostAsync($"/v1/conversations/{conversation}/receipts", body)).Expect(200, 202, 204).Position;
    }

    public async Task RefreshAsync() =>
        Session = (await Api.PostAsync("/v1/tokens/refresh", new { refresh_token = Session.RefreshToken }))
            .Expect(200).Read<Session>();

    public async Task<Timeline> TimelinePageAsync(
        Guid conversation, long? afterSeq = null, int? limit = null, string? after = null)
    {
        var query = new List<string>();
        if (afterSeq is { } seq) query.Add(string.Create(CultureInfo.InvariantCulture, $"after_seq={seq}"));
        if (limit is { } most) query.Add(string.Create(CultureInfo.InvariantCulture, $"limit={most}"));
        var answer = await GetAsync($"/v1/conversations/{conversation}/timeline?{string.Join('&', query)}", after);
        return answer.Expect(200).Read<Timeline>();
    }

    /// <summary>The whole timeline, once it reaches <paramref name="lastSeq"/>; fails if a seq is missing.</summary>
    public async Task<IReadOnlyList<Entry>> TimelineAsync(Guid conversation, long lastSeq = 0)
    {
        var entries = new List<Entry>();
        await Eventually.GetAsync(
            async () =>
            {
                var page = await TimelinePageAsync(
                    conversation, entries.Count > 0 ? entries[^1].Seq : null, limit: 200);
                entries.AddRange(page.Entries);
                return (Seen: entries.Count > 0 ? entries[^1].Seq : -1, page.LastSeq);
            },
            state => state.Seen >= lastSeq && state.Seen >= state.LastSeq,
            $"the timeline reaches {lastSeq}");
        Assert.Equal(Enumerable.Range(0, entries.Count).Select(i => (long)i), entries.Select(entry => entry.Seq));
        return entries;
    }

    public async Task<IReadOnlyList<Message>> UnreadAsync(string? after = null) =>
        await PagesAsync<Message>("/v1/messages?limit=200", "messages", after);

    public async Task<IReadOnlyList<InboxItem>> InboxAsync(string? after = null) =>
        await PagesAsync<InboxItem>("/v1/conversations?limit=200", "conversations", after);

    public async Task<InboxItem> InboxItemAsync(Guid conversation, string? after = null) =>
        Assert.Single(await InboxAsync(after), item => item.ConversationId == conversation);

    public async Task<Message> MessageAsync(Guid conversation, Guid message, string? after = null) =>
        (await GetAsync($"/v1/conversations/{conversation}/messages/{message}", after)).Expect(200).Read<Message>();

    public async Task<Recipient> RecipientAsync(Guid conversation, Guid message, string? after = null)
    {
        var answer = await GetAsync($"/v1/conversations/{conversation}/messages/{message}/receipts", after);
        return Json.Read<Recipient>(Assert.Single(answer.Expect(200).Json.GetProperty("recipients").EnumerateArray()));
    }

    /// <summary>All items of a paged list.</summary>
    public async Task<IReadOnlyList<T>> PagesAsync<T>(string path, string list, string? after = null)
    {
        var items = new List<T>();
        string? cursor = null;
        do
        {
            var page = (await GetAsync(cursor is null ? path : $"{path}&cursor={Uri.EscapeDataString(cursor)}", after))
                .Expect(200).Json;
            items.AddRange(page.GetProperty(list).EnumerateArray().Select(Json.Read<T>));
            Assert.True(page.TryGetProperty("next_cursor", out _), "A list's answer carries next_cursor.");
            cursor = page.Text("next_cursor");
        }
        while (cursor is not null);
        return items;
    }

    /// <summary>Opens a socket and waits until it has caught up.</summary>
    public async Task<ChatSocket> ConnectAsync()
    {
        var socket = await OpenAsync();
        await socket.NextAsync("synced");
        return socket;
    }

    /// <summary>Opens a socket without waiting for the catch-up.</summary>
    public Task<ChatSocket> OpenAsync() => ChatSocket.OpenAsync(Api.Address, Token);
}
