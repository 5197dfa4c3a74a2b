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
        var party = new Party(new ChatClient(options), phone ?? Phones.Next());
        if (!await party.Client.IsSignedInAsync())
        {
            var started = await party.Client.RegisterAsync(party.Phone, name);
            await party.Client.VerifyAsync(started.Code!);
        }

        party.Listen();
        return party;
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

    private void Listen() => _reading = Task.Run(async () =>
    {
        await foreach (var e in Client.EventsAsync(_stop.Token))
        {
            lock (_seen)
                _seen.Add(e);
        }
    });
}
