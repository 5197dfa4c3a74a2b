using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;

namespace ChatCqrs.Application.Specs.Users;

public sealed class UserWriterSpecs
{
    private static readonly UserId Ann = new(Guid.CreateVersion7());
    private static readonly SealedContent Profile = new(null, new byte[] { 1, 2, 3 });

    private readonly InMemoryEventStore _store = new();
    private readonly UserWriter _writer;

    public UserWriterSpecs() => _writer = Writer();

    [Fact]
    public async Task Decided_events_are_logged_and_read_back()
    {
        var device = NewDevice();

        await AddAsync(_writer, device);

        var (user, position) = await Writer().ReadAsync(Ann, default);
        Assert.Equal(Ann, user.Id);
        Assert.Equal(device, Assert.Single(user.Devices).Id);
        Assert.True(position > LogPosition.Start);
    }

    [Fact]
    public async Task A_command_that_is_true_already_appends_nothing()
    {
        var device = NewDevice();
        await AddAsync(_writer, device);

        await AddAsync(_writer, device);
        await AddAsync(Writer(), device);

        Assert.Equal(2, (await ReadAsync()).Count);
    }

    [Fact]
    public async Task Concurrent_writers_decide_again_and_all_succeed()
    {
        var devices = Enumerable.Range(0, 8).Select(_ => NewDevice()).ToArray();

        await Task.WhenAll(devices.Select(device => AddAsync(Writer(), device)));

        var (user, _) = await _writer.ReadAsync(Ann, default);
        Assert.Equal(
            devices.OrderBy(device => device.Value),
            user.Devices.Select(device => device.Id).OrderBy(device => device.Value));
        Assert.Single(await ReadAsync(), stored => stored.Type == "user-registered.v1");
    }

    [Fact]
    public async Task An_append_whose_answer_is_lost_is_repeated_and_happens_once()
    {
        _store.LosesAnswers = true;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => AddAsync(_writer, NewDevice()));
        _store.LosesAnswers = false;

        Assert.Equal(2, (await ReadAsync()).Count);
    }

    [Fact]
    public async Task An_append_that_fails_for_the_account_alone_is_repeated_and_then_told()
    {
        _store.Unanswered = StreamName.Of(Ann);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => AddAsync(_writer, NewDevice()));
        _store.Unanswered = null;

        Assert.Equal(2, (await ReadAsync()).Count);
    }

    [Fact]
    public async Task A_command_repeated_after_a_lost_answer_writes_nothing()
    {
        var device = NewDevice();
        _store.LosesAnswers = true;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => AddAsync(_writer, device));
        _store.LosesAnswers = false;

        var (user, _) = await AddAsync(_writer, device);

        Assert.Single(user.Devices);
        Assert.Equal(2, (await ReadAsync()).Count);
    }

    [Fact]
    public async Task Events_of_another_node_are_seen_although_the_account_is_cached()
    {
        await AddAsync(_writer, NewDevice());
        await AddAsync(Writer(), NewDevice());

        Assert.Equal(2, (await _writer.ReadAsync(Ann, default)).User.Devices.Length);
    }

    [Fact]
    public async Task Each_event_is_linked_to_the_one_before_it()
    {
        await AddAsync(_writer, NewDevice());
        await AddAsync(Writer(), NewDevice());

        var codec = new EventCodec();
        var previous = Convert.ToBase64String(IEventCodec.FirstLink.Span);
        foreach (var stored in await ReadAsync())
        {
            using var metadata = System.Text.Json.JsonDocument.Parse(stored.Metadata);
            Assert.Equal(previous, metadata.RootElement.GetProperty("prev_hash").GetString());
            previous = Convert.ToBase64String(codec.Decode(stored).Hash.Span);
        }
    }

    [Fact]
    public async Task A_wish_is_asked_again_after_a_conflict()
    {
        await AddAsync(_writer, NewDevice());
        var seen = new List<int>();

        await _writer.WriteAsync(
            Ann,
            async (user, _) =>
            {
                seen.Add(user.Devices.Length);
                if (seen.Count == 1)
                    await AddAsync(Writer(), NewDevice());
                return new UserCommand.ChangeProfile(new SealedContent(null, new byte[] { (byte)user.Devices.Length }));
            },
            Actor.System, null, default);

        Assert.Equal([1, 2], seen);
    }

    private UserWriter Writer() =>
        new(_store, new EventCodec(), new ClockGuard(TimeProvider.System), TimeProvider.System);

    private static DeviceId NewDevice() => new(Guid.CreateVersion7());

    private static Task<(User User, LogPosition Position)> AddAsync(
        UserWriter writer, DeviceId device) => writer.WriteAsync(
        Ann, (_, _) => new(new UserCommand.AddDevice(Ann, device, "Ann's phone", "android", Profile, null)),
        new Actor(Ann, device), null, default);

    private Task<IReadOnlyList<StoredEvent>> ReadAsync() =>
        _store.ReadStreamAsync(StreamName.Of(Ann), 0, ReadDirection.Forwards, 100, default);
}
