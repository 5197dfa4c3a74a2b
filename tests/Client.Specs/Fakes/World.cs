using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using ChatCqrs.Client.Http;
using Microsoft.Extensions.Time.Testing;

namespace ChatCqrs.Client.Specs.Fakes;

/// <summary>A deadline for what should happen at once. Time itself is the clock of the spec.</summary>
internal static class Wait
{
    public static readonly TimeSpan Most = TimeSpan.FromSeconds(20);

    public static Task UntilAsync(Func<bool> holds, string what) => UntilAsync(holds, () => what);

    public static async Task UntilAsync(Func<bool> holds, Func<string> what)
    {
        var clock = Stopwatch.StartNew();
        while (!holds())
        {
            Assert.True(clock.Elapsed < Most, $"Not so: {(clock.Elapsed < Most ? "" : what())}");
            await Task.Delay(5);
        }
    }
}

/// <summary>A clock that somebody may set, beside time that goes on.</summary>
internal sealed class SetClock : FakeTimeProvider
{
    private readonly ConcurrentBag<TimeSpan> _waits = [];
    private readonly ConcurrentBag<TimeSpan> _changes = [];

    public TimeSpan Wrong { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Wrong;

    public override long GetTimestamp() => base.GetUtcNow().Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        _waits.Add(dueTime);
        return new Noted(timer, _changes);
    }

    /// <summary>Ends once the client has begun to wait for so long; only then may time go on.</summary>
    public Task BeginsToWaitAsync(TimeSpan time) =>
        Wait.UntilAsync(() => _waits.Contains(time), () => $"it waits for {time}");

    /// <summary>Ends once a connection has nothing to do for so long.</summary>
    public Task BeginsToRestAsync(TimeSpan time) =>
        Wait.UntilAsync(() => _changes.Contains(time), () => $"it rests for {time}");

    private sealed class Noted(ITimer timer, ConcurrentBag<TimeSpan> changes) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var changed = timer.Change(dueTime, period);
            changes.Add(dueTime);
            return changed;
        }

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}

/// <summary>A client between a server, a network, a store and a clock that the spec holds in its hands.</summary>
internal sealed class World : IAsyncDisposable
{
    public static readonly Guid Ada = Guid.NewGuid(), Ben = Guid.NewGuid(), Device = Guid.NewGuid();
    public static readonly Guid Incarnation = Guid.NewGuid(), Talk = Guid.NewGuid();

    public World(
        IChatStorage? storage = null, FakeServer? server = null, SetClock? time = null, double random = 0.5,
        int eventsMax = 1_024, int outboxMax = 10_000)
    {
        (Storage, Server, Time) = (storage ?? new MemoryStorage(), server ?? new FakeServer(), time ?? new SetClock());
        if (server is null)
            Server.Answer = Refreshing;
        var options = new ChatClientOptions
        {
            Url = new Uri("http://chat.test"),
            Storage = Storage,
            HttpHandler = Server,
            TimeProvider = Time,
            EventsMax = eventsMax,
            OutboxMax = outboxMax,
        };
        Client = new ChatClient(options, Server, Network, () => random);
        Clock = new Clock(Time);
    }

    public IChatStorage Storage { get; }

    public FakeServer Server { get; }

    public SetClock Time { get; }

    public FakeNetwork Network { get; } = new();

    public ChatClient Client { get; }

    public Clock Clock { get; }

    public ChatConversation Conversation => Client.Conversation(Talk);

    /// <summary>How many tokens were handed out.</summary>
    public int Tokens { get; private set; }

    public HttpResponseMessage? Refreshing(HttpRequestMessage request, string body) =>
        request.RequestUri!.AbsolutePath == "/v1/tokens/refresh" ? NewTokens() : null;

    public HttpResponseMessage NewTokens(int expiresIn = 900)
    {
        Tokens++;
        return FakeServer.Json(200, $$"""
            {"user_id":"{{Ada}}","device_id":"{{Device}}","access_token":"access-{{Tokens}}",
            "refresh_token":"refresh-{{Tokens}}","expires_in":{{expiresIn}}}
            """);
    }

    /// <summary>Leaves tokens in the store, as an earlier process would have.</summary>
    public async Task SignedInAsync(int expiresIn = 900) => await Storage.WriteAsync(
        TokenKeeper.Key,
        JsonSerializer.Serialize(
            new Session(Ada, Device, "access-0", "refresh-0", Time.GetUtcNow(), expiresIn), WireJson.Default.Session));

    /// <summary>Signed in and live.</summary>
    public async Task<FakeSocket> LiveAsync()
    {
        await SignedInAsync();
        var connecting = Client.ConnectAsync();
        var socket = await CaughtUpAsync();
        await connecting.WaitAsync(Wait.Most);
        return socket;
    }

    /// <summary>The next socket, made live.</summary>
    public async Task<FakeSocket> CaughtUpAsync()
    {
        var socket = await Server.OpenedAsync();
        socket.Welcome();
        socket.Synced();
        return socket;
    }

    public Task<ClientState> BecomesAsync(ClientStatus status) => BecomesAsync(Client, status);

    public static async Task<ClientState> BecomesAsync(ChatClient client, ClientStatus status)
    {
        await Wait.UntilAsync(() => client.State.Status == status, () => $"{status}, but {client.State}");
        return client.State;
    }

    /// <summary>The frames that the client sends until it has looked again at all that is due now.</summary>
    public async Task<IReadOnlyList<JsonElement>> DueAsync(FakeSocket socket)
    {
        var frames = new List<JsonElement>();
        for (var turn = 0; turn < 2; turn++) // The first message may go in a turn that had begun before.
        {
            var message = await Client.Conversation(Guid.NewGuid()).SendAsync("what is due?");
            frames.AddRange(await socket.ThroughAsync(message.Id));
        }

        return frames;
    }

    /// <summary>The ops of <see cref="DueAsync"/>.</summary>
    public async Task<IEnumerable<string?>> OpsDueAsync(FakeSocket socket) =>
        (await DueAsync(socket)).Select(frame => frame.GetProperty("op").GetString());

    /// <summary>Lets time pass to the next attempt, and returns its socket.</summary>
    public async Task<FakeSocket> NextSocketAsync()
    {
        await Wait.UntilAsync(
            () => Server.AnyOpened || Client.State.Status is ClientStatus.Waiting or ClientStatus.Offline, "waiting");
        if (!Server.AnyOpened)
            Time.Advance(TimeSpan.FromSeconds(31));
        return await Server.OpenedAsync();
    }

    public ValueTask DisposeAsync() => Client.DisposeAsync();
}

/// <summary>What a listener got.</summary>
internal sealed class Events : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<ChatEvent> _seen = [];
    private readonly Task _reading;

    public Events(ChatClient client)
    {
        var events = client.EventsAsync(_stop.Token).GetAsyncEnumerator(_stop.Token);
        _reading = Task.Run(async () =>
        {
            var next = events.MoveNextAsync(); // Listens from here on.
            Listening.SetResult();
            while (await next)
            {
                lock (_seen)
                    _seen.Add(events.Current);
                next = events.MoveNextAsync();
            }
        });
    }

    private TaskCompletionSource Listening { get; } = new();

    public static async Task<Events> OfAsync(ChatClient client)
    {
        var events = new Events(client);
        await events.Listening.Task;
        return events;
    }

    public IReadOnlyList<ChatEvent> Seen
    {
        get
        {
            lock (_seen)
                return [.. _seen];
        }
    }

    public IReadOnlyList<long> Seqs => [.. Seen.OfType<ConversationEntry>().Select(entry => entry.Seq)];

    public Task UntilAsync(Func<IReadOnlyList<ChatEvent>, bool> holds, string what) =>
        Wait.UntilAsync(() => holds(Seen), what);

    public async Task SeqsAsync(params long[] seqs)
    {
        await UntilAsync(_ => Seqs.Count >= seqs.Length, $"{seqs.Length} entries");
        Assert.Equal(seqs, Seqs);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _reading;
        }
        catch (OperationCanceledException)
        {
            // It was listening, as it should.
        }

        _stop.Dispose();
    }
}
