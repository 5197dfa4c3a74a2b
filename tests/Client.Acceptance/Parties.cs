using System.Runtime.CompilerServices;
using ChatCqrs.Acceptance;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Client.Acceptance;

/// <summary>A server of the suite's own, or the one at <c>CHATCQRS_URL</c>.</summary>
public sealed class Running : IAsyncLifetime
{
    private Deployment? _deployment;
    private ServerProcess? _server;

    public Uri Address => _server?.Address ?? new Uri(Surroundings.Url!);

    public async Task InitializeAsync()
    {
        if (Surroundings.Url is not null)
            return;
        _deployment = await Deployment.CreateAsync();
        _server = await ServerProcess.StartAsync(_deployment);
    }

    public async Task DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
        if (_deployment is not null)
            await _deployment.DisposeAsync();
    }
}

/// <summary>A person with a client of the SDK, and what it has told them.</summary>
public sealed class Party : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<ChatEvent> _seen = [];
    private Task _reading = Task.CompletedTask;

    private Party(ChatClient client, string phone) => (Client, Phone) = (client, phone);

    public ChatClient Client { get; }

    public string Phone { get; }

    public Guid Id => Client.Account!.UserId;

    public IReadOnlyList<ChatEvent> Seen
    {
        get
        {
            lock (_seen)
                return [.. _seen];
        }
    }

    /// <summary>The states of the client, in the order in which it gave them.</summary>
    public IReadOnlyList<ClientStatus> Statuses => [.. Seen.OfType<StateChanged>().Select(e => e.State.Status)];

    /// <summary>The messages of a conversation, in the order in which the client gave them.</summary>
    public IReadOnlyList<ChatMessage> Messages(Guid conversation) => [.. Seen.OfType<MessageReceived>()
        .Select(received => received.Message).Where(message => message.ConversationId == conversation)];

    /// <summary>Registers somebody, and connects.</summary>
    public static async Task<Party> JoinAsync(
        Uri server, string name, IChatStorage? storage = null, Action<ChatClientOptions>? configure = null,
        string? phone = null)
    {
        var party = await RegisterAsync(server, name, storage, configure, phone);
        await party.ConnectAsync();
        return party;
    }

    public static async Task<Party> RegisterAsync(
        Uri server, string name, IChatStorage? storage = null, Action<ChatClientOptions>? configure = null,
        string? phone = null)
    {
        var options = new ChatClientOptions { Url = server, Storage = storage, DeviceName = $"{name}'s console" };
        configure?.Invoke(options);
        return await RegisterAsync(new ChatClient(options), name, phone ?? Phones.Next());
    }

    /// <summary>Registers somebody with a client of the spec's own, and connects.</summary>
    internal static async Task<Party> JoinAsync(ChatClient client, string name)
    {
        var party = await RegisterAsync(client, name, Phones.Next());
        await party.ConnectAsync();
        return party;
    }

    /// <summary>
    /// Links a device that nobody is signed in on: it shows a link, and a signed-in one approves it. Connects.
    /// </summary>
    /// <param name="settle">What the signed-in device does with the link that it has scanned.</param>
    public static async Task<Party> LinkAsync(Party by, Uri server, string device, Func<string, Task> settle)
    {
        var client = new ChatClient(new ChatClientOptions { Url = server, DeviceName = device, Platform = "desktop" });
        var party = new Party(client, by.Phone);
        try
        {
            var link = await client.LinkAsync();
            var approved = link.ApprovedAsync();
            await settle(link.Address);
            await approved.WaitAsync(Eventually.Deadline);
            party.Listen();
            await party.ConnectAsync();
            return party;
        }
        catch
        {
            await party.DisposeAsync();
            throw;
        }
    }

    public async Task ConnectAsync() => await Client.ConnectAsync().WaitAsync(Eventually.Deadline);

    public Task UntilAsync(
        Func<Party, bool> holds, TimeSpan? within = null, [CallerArgumentExpression(nameof(holds))] string what = "") =>
        Eventually.BeAsync(() => holds(this), what, within);

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await _reading;
        await _stop.CancelAsync();
        _stop.Dispose();
    }

    private static async Task<Party> RegisterAsync(ChatClient client, string name, string phone)
    {
        var party = new Party(client, phone);
        if (!await client.IsSignedInAsync())
        {
            var started = await client.RegisterAsync(phone, name);
            await client.VerifyAsync(started.Code!);
        }

        party.Listen();
        return party;
    }

    /// <summary>Listens from here on: the first step of the enumeration subscribes.</summary>
    private void Listen()
    {
        var events = Client.EventsAsync(_stop.Token).GetAsyncEnumerator(_stop.Token);
        _reading = ReadAsync(events, events.MoveNextAsync());
    }

    private async Task ReadAsync(IAsyncEnumerator<ChatEvent> events, ValueTask<bool> next)
    {
        while (await next)
        {
            lock (_seen)
                _seen.Add(events.Current);
            next = events.MoveNextAsync();
        }
    }
}
