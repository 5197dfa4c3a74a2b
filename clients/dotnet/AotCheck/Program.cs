using ChatCqrs.Client;

// Compiled ahead of time by clients/dotnet/check, where a warning is an error, and run: without a server it checks the
// store and the outbox; with the address of one (in Development) that messages go and come.
// usage: ChatCqrs.Client.AotCheck [URL]
var folder = Directory.CreateTempSubdirectory("chatcqrs-aot-").FullName;
try
{
    return args.Length == 0 ? await OfflineAsync() : await OnlineAsync(new Uri(args[0]));
}
finally
{
    Directory.Delete(folder, recursive: true);
}

async Task<int> OfflineAsync()
{
    var storage = new FileStorage(folder);
    await storage.WriteAsync("session", """
        {"user_id":"01970000-0000-7000-8000-000000000001","device_id":"01970000-0000-7000-8000-000000000002",
        "access_token":"a","refresh_token":"r","obtained_at":"2026-01-01T00:00:00+00:00","expires_in":900}
        """);
    await using (var client = Client(new Uri("http://127.0.0.1:9"), storage))
    {
        await client.Conversation(Guid.NewGuid()).SendAsync(MessageContent.Poll("Lunch?", ["Yes", "No"]));
        var failed = await FailAsync(() => client.MeAsync());
        if (failed.Code != ErrorCode.Network)
            return 1;
    }

    await using var next = Client(new Uri("http://127.0.0.1:9"), storage);
    return await next.IsSignedInAsync() && next.Outbox is [{ Content.Text: "Lunch?" }] ? 0 : 1;
}

async Task<int> OnlineAsync(Uri url)
{
    await using var ada = Client(url, new FileStorage(Path.Combine(folder, "ada")));
    await using var ben = Client(url, new MemoryStorage());
    foreach (var client in new[] { ada, ben })
    {
        var started = await client.RegisterAsync($"+999{Random.Shared.NextInt64(100_000_000_000, 999_999_999_999)}");
        await client.VerifyAsync(started.Code!);
        await client.ConnectAsync();
    }

    var talk = await ada.Inbox.StartDirectAsync(ben.Account!.UserId);
    await (await ada.Conversation(talk.ConversationId).SendAsync("compiled ahead of time")).Acked;
    await foreach (var e in ben.EventsAsync())
    {
        if (e is MessageReceived { Message.Text: "compiled ahead of time" })
            break;
    }

    return 0;
}

static ChatClient Client(Uri url, IChatStorage storage) => new(new ChatClientOptions { Url = url, Storage = storage });

static async Task<ChatException> FailAsync(Func<Task> call)
{
    try
    {
        await call();
    }
    catch (ChatException failed)
    {
        return failed;
    }

    throw new InvalidOperationException("It did not fail.");
}
