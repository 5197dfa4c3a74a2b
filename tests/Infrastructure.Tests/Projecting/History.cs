using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Retention;
using ChatCqrs.Domain.Users;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Projections.Timeline;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>Users who write to each other: the domain decides, a log stores, and this class keeps all events.</summary>
internal sealed class History(IEventStore log, int seed = 1)
{
    private static readonly DateTimeOffset Start = DateTimeOffset.Parse("2026-01-02T03:04:05.678Z", null);

    private const int ContentBytes = 40;

    /// <summary>The largest group that a server may be set to allow.</summary>
    private const int MembersMax = 8_192;

    private readonly EventCodec _codec = new();
    private readonly Random _random = new(seed);
    private readonly Dictionary<string, (long Revision, ReadOnlyMemory<byte> Hash)> _ends = [];
    private readonly Dictionary<ConversationId, Conversation> _conversations = [];
    private readonly Dictionary<ConversationId, Watermarks> _receipts = [];
    private readonly List<ConversationId> _groups = [];
    private readonly List<DeviceId> _devices = [new(Guid.NewGuid()), new(Guid.NewGuid())];

    public List<Recorded> Facts { get; } = [];

    public IReadOnlyList<DeviceId> Devices => _devices;

    public IReadOnlyDictionary<ConversationId, Conversation> Conversations => _conversations;

    public IReadOnlyDictionary<ConversationId, Watermarks> Receipts => _receipts;

    /// <summary>The expired messages.</summary>
    public HashSet<(ConversationId Conversation, long Seq)> Gone { get; } = [];

    /// <summary>Users' settings of conversations that differ from the default.</summary>
    public Dictionary<(UserId, ConversationId), ConversationSettings> Settings { get; } = [];

    public LogPosition Head { get; private set; }

    private DateTimeOffset Now => Start.AddMilliseconds(Facts.Count * 7);

    public static UserId SomeUser() => new(Guid.NewGuid());

    /// <summary>Both devices, before their first receipt, as it is with real ones.</summary>
    public async Task RegisterAsync(UserId user)
    {
        var phone = new UserCommand.AddDevice(user, _devices[0], "Phone", "android", Sealed(), null);
        var laptop = new UserEvent.DeviceAdded(user, _devices[1], "Laptop", "linux") { At = Now };
        await AppendAsync(StreamName.Of(user), user, [.. User.Decide(User.NotRegistered, phone, Now), laptop]);
    }

    /// <summary>Adds one device, and the account where it is the first. Messages are sent from the device 0.</summary>
    public async Task AddDeviceAsync(UserId user, int device, bool ephemeral)
    {
        while (_devices.Count <= device)
            _devices.Add(new(Guid.NewGuid()));
        var added = new UserEvent.DeviceAdded(user, _devices[device], "Device", "web", ephemeral) { At = Now };
        var registered = new UserEvent.UserRegistered(user, Sealed()) { At = Now };
        await AppendAsync(
            StreamName.Of(user), user, _ends.ContainsKey(StreamName.Of(user)) ? [added] : [registered, added]);
    }

    public async Task RemoveDeviceAsync(UserId user, int device) => await AppendAsync(
        StreamName.Of(user), user, [new UserEvent.DeviceRemoved(user, _devices[device]) { At = Now }]);

    /// <summary>The account's end in the log; that of its keys and tables is not the history's.</summary>
    public async Task EraseAsync(UserId user) =>
        await AppendAsync(StreamName.Of(user), user, [new UserEvent.UserErased(user) { At = Now }]);

    public async Task<ConversationId> StartAsync(UserId one, UserId other)
    {
        var id = DirectConversation.IdOf(one, other);
        await DecideAsync(id, new ConversationCommand.StartDirect(one, other), one);
        return id;
    }

    /// <param name="expiresAt">Null for a time long after every test.</param>
    public async Task<MessageId> SendAsync(
        ConversationId conversation, UserId sender, DateTimeOffset? expiresAt = null, int bytes = ContentBytes,
        bool files = true)
    {
        var message = new MessageId(NewGuid());
        var command = new ConversationCommand.SendMessage(
            message, sender, _devices[0], MessageType.Text, Sealed(bytes),
            new Fingerprint((UInt128)_random.NextInt64()), null, expiresAt ?? Start.AddYears(1_000),
            Files: files && _random.Next(3) == 0 ? [new FileId(NewGuid())] : null);
        await DecideAsync(conversation, command, sender);
        return message;
    }

    public async Task<ConversationId> StartGroupAsync(UserId by, params UserId[] others)
    {
        var id = new ConversationId(NewGuid());
        var title = new GroupTitle(Sealed() with { Bucket = null }, by);
        await DecideAsync(id, new ConversationCommand.StartGroup(by, others, title, MembersMax), by);
        return id;
    }

    /// <summary>Sends a command; a refusal changes nothing.</summary>
    public async Task TryAsync(ConversationId conversation, UserId by, ConversationCommand command)
    {
        try
        {
            await DecideAsync(conversation, command, by);
        }
        catch (RefusedException)
        {
            // Random users send random commands.
        }
    }

    /// <summary>The facts of a message in an up-to-date view.</summary>
    public MessageFacts FactsOf(Recorded message, UserId by)
    {
        var sent = (ConversationEvent.MessageSent)message.Event;
        var later = Facts.Where(fact => fact.Conversation == message.Conversation
            && TimelineProjection.ChangedBy(fact) == message.Revision);
        var now = later.Aggregate(TimelineProjection.Added(message)!.Message!, TimelineProjection.Evolve);
        return new MessageFacts(
            sent.MessageId, message.Revision, sent.Sender, sent.At, now.DeletedAt is not null,
            now.Reactions.FirstOrDefault(reaction => reaction.User == by.Value)?.Emoji,
            _conversations[message.Conversation].LastSeq)
        {
            OwnVote = now.Votes.FirstOrDefault(vote => vote.User == by.Value)?.Vote ?? Vote.None,
        };
    }

    /// <summary>Expires messages.</summary>
    public async Task ExpireAsync(ConversationId conversation, params long[] seqs)
    {
        var state = _conversations[conversation];
        var messages = MessagesOf(conversation).Where(fact => seqs.Contains(fact.Revision))
            .Select(fact => new ExpiredMessage(((ConversationEvent.MessageSent)fact.Event).MessageId, fact.Revision))
            .ToList();
        await DecideAsync(
            conversation, new ConversationCommand.ExpireMessages(messages, ExpiryReason.Expired, state.LastSeq),
            state.MemberIds[0]);
        Gone.UnionWith(messages.Select(message => (conversation, message.Seq)));
    }

    /// <summary>The messages of a conversation that have not expired.</summary>
    public IEnumerable<Recorded> MessagesOf(ConversationId conversation) => Facts.Where(fact =>
        fact.Event is ConversationEvent.MessageSent && fact.Conversation == conversation
        && !Gone.Contains((conversation, fact.Revision)));

    /// <summary>Until when a message is or was shown: each shortening after it, one after the other.</summary>
    public DateTimeOffset? ShownUntil(Recorded message)
    {
        var until = ((ConversationEvent.MessageSent)message.Event).ExpiresAt;
        foreach (var fact in Facts.Where(fact =>
            fact.Conversation == message.Conversation && fact.Position > message.Position))
        {
            if (fact.Event is ConversationEvent.MessagesExpired gone
                && gone.Messages.Any(expired => expired.Seq == message.Revision))
                break;
            foreach (var (from, to) in (fact.Event as ConversationEvent.RetentionChanged)?.Shortened ?? [])
            {
                if (until <= message.At + from && until > message.At + to)
                    until = message.At + to;
            }
        }

        return until;
    }

    public Task DeliverAsync(ConversationId conversation, UserId user, long seq, int device = 0) =>
        AcknowledgeAsync(conversation, new ReceiptCommand.Deliver(user, _devices[device], seq));

    public Task ReadAsync(ConversationId conversation, UserId user, long seq, int device = 0) =>
        AcknowledgeAsync(conversation, new ReceiptCommand.Read(user, _devices[device], seq));

    public async Task KeepAsync(ConversationId conversation, UserId user, ConversationSettings settings)
    {
        var changed = new UserEvent.ConversationSettingsChanged(user, conversation, settings) { At = Now };
        await AppendAsync(StreamName.Of(user), user, [changed]);
        Settings[(user, conversation)] = settings;
    }

    /// <summary>Changes a user's profile, which names an avatar then.</summary>
    public async Task ShowAsync(UserId user)
    {
        var avatar = new FileId(Guid.CreateVersion7(Now));
        await AppendAsync(
            StreamName.Of(user), user, [new UserEvent.ProfileChanged(user, Sealed(), avatar) { At = Now }]);
    }

    /// <summary>Messages that are delivered one by one: with enough of them, the receipts get a snapshot.</summary>
    public async Task ConverseAsync(UserId one, UserId other, int messages)
    {
        var conversation = await StartAsync(one, other);
        for (var n = 0; n < messages; n++)
        {
            await SendAsync(conversation, one);
            await DeliverAsync(conversation, other, _conversations[conversation].LastSeq);
        }
    }

    /// <summary>Random events in random conversations of the users.</summary>
    public async Task HappenAsync(IReadOnlyList<UserId> users, int events)
    {
        for (var n = 0; n < events; n++)
            await HappenAsync(users);
    }

    public async Task HappenAsync(IReadOnlyList<UserId> users)
    {
        var one = users[_random.Next(users.Count)];
        var other = users[_random.Next(users.Count)];
        if (_random.Next(20) == 0 && _conversations.Count > 0)
        {
            await ExpireSomeAsync();
            return;
        }

        if (_random.Next(30) == 0)
        {
            await AuditAsync(one, other);
            return;
        }

        if (_random.Next(2) == 0)
        {
            await HappenInGroupAsync(users, one, other);
            return;
        }

        if (one == other)
            return;
        var conversation = await StartAsync(one, other);
        var last = _conversations[conversation].LastSeq;
        switch (_random.Next(10))
        {
            case < 6:
                await SendAsync(conversation, one);
                break;
            case < 8:
                await DeliverAsync(conversation, one, _random.NextInt64(last + 1), _random.Next(2));
                break;
            case < 9:
                await ReadAsync(conversation, one, _random.NextInt64(last + 1), _random.Next(2));
                break;
            default:
                DateTimeOffset? mutedUntil = null;
                var (pinned, archived) = (_random.Next(2) == 0, _random.Next(2) == 0);
                if (_random.Next(2) != 0)
                    mutedUntil = Start.AddDays(_random.Next(9));
                await KeepAsync(conversation, one, new(pinned, archived, mutedUntil));
                await ShowAsync(one);
                break;
        }
    }

    /// <summary>An auditor asks, is allowed or not, looks, and has something kept.</summary>
    private async Task AuditAsync(UserId auditor, UserId approver)
    {
        var (matter, hold) = (new MatterId(NewGuid()), new HoldId(NewGuid()));
        var scope = new AuditScope([.. _conversations.Keys.Take(1)], [auditor], null, null);
        await AppendAsync(StreamName.Of(matter), auditor,
        [
            new AuditEvent.MatterRequested(matter, auditor, "Title", "Reason", scope, true, Now.AddDays(9))
            { At = Now },
            _random.Next(2) == 0
                ? new AuditEvent.MatterApproved(matter, approver) { At = Now }
                : new AuditEvent.MatterRefused(matter, approver) { At = Now },
        ]);
        await AppendAsync(StreamName.Of(hold), auditor,
        [
            new AuditEvent.HoldPlaced(hold, auditor, matter, scope, "Reason", Now.AddDays(9)) { At = Now },
            new AuditEvent.HoldApproved(hold, approver) { At = Now },
            new AuditEvent.HoldReleased(hold, auditor) { At = Now },
        ]);
        var stream = StreamName.OfAuditor(auditor);
        await AppendAsync(stream, auditor,
        [
            new AuditEvent.AuditAccessed(auditor, _devices[0], "state", null, matter, null, true, false) { At = Now },
        ]);
        if (_random.Next(4) > 0)
        {
            await AppendAsync(
                stream, auditor, [new AuditEvent.AuditDelivered(Facts[^1].EventId, 7, new byte[32]) { At = Now }]);
        }

        await AppendAsync(StreamName.Audit, auditor,
        [
            new AuditEvent.AccessRolesSet([auditor.ToString()], [], [], false) { At = Now },
            new AuditEvent.ErasureLimited(approver, [hold]) { At = Now },
            new AuditEvent.LogVerified(0, 1, []) { At = Now },
            new AuditEvent.LogRecovered(auditor, "continued", 1, 2, 3, 4) { At = Now },
        ]);
        await AppendAsync(StreamName.OfCuts(StreamName.Of(approver)), auditor,
            [new AuditEvent.StreamTruncated(StreamName.Of(approver), 1, new byte[32], "erased") { At = Now }]);
    }

    private async Task HappenInGroupAsync(IReadOnlyList<UserId> users, UserId one, UserId other)
    {
        if (_groups.Count < 2)
            _groups.Add(await StartGroupAsync(users[0], [.. users.Skip(1).Take(3)]));
        var group = _groups[_random.Next(_groups.Count)];
        var state = _conversations[group];
        var messages = MessagesOf(group).TakeLast(20).ToList();
        var message = messages.Count == 0 ? null : messages[_random.Next(messages.Count)];
        switch (_random.Next(15))
        {
            case 12: // Around the time that messages are kept: some are shortened, and none is due.
                var policy = new RetentionPolicy(_random.Next(365_000, 365_500), null);
                await TryAsync(group, one, new ConversationCommand.ChangeRetention(one, policy, 400_000));
                break;
            case < 4:
                if (state.IsMember(one))
                    await SendAsync(group, one);
                break;
            case 4:
                await TryAsync(group, state.MemberIds[0], new ConversationCommand.AddMembers(
                    state.MemberIds[0], [one, other], 1_024));
                break;
            case 5:
                if (state.MemberIds.Length > 1)
                    await TryAsync(group, one, new ConversationCommand.RemoveMember(one, other));
                break;
            case 6:
                if (state.IsMember(one))
                    await ReadAsync(group, one, _random.NextInt64(state.LastSeq + 1), _random.Next(2));
                break;
            case 7:
                if (state.IsMember(one))
                    await DeliverAsync(group, one, _random.NextInt64(state.LastSeq + 1), _random.Next(2));
                break;
            case 8 when message is not null:
                await TryAsync(group, one, new ConversationCommand.EditMessage(
                    one, FactsOf(message, one), Sealed(), new Fingerprint((UInt128)_random.NextInt64()),
                    Unchanged: false));
                break;
            case 9 when message is not null:
                await TryAsync(group, one, new ConversationCommand.DeleteMessage(one, FactsOf(message, one)));
                break;
            case 10 when message is not null:
                await TryAsync(group, one, new ConversationCommand.SetReaction(
                    one, FactsOf(message, one), _random.Next(2) == 0 ? "👍" : "🎉"));
                break;
            case 11 when message is not null:
                await TryAsync(group, one, new ConversationCommand.ClearReaction(one, FactsOf(message, one)));
                break;
            case 13 when message is not null:
                await TryAsync(group, one, new ConversationCommand.SetVote(
                    one, FactsOf(message, one), Vote.Of([_random.Next(2), _random.Next(12)])));
                break;
            case 14 when message is not null:
                await TryAsync(group, one, new ConversationCommand.ClearVote(one, FactsOf(message, one)));
                break;
        }
    }

    /// <summary>Expires mostly the oldest messages, sometimes also the newest.</summary>
    private async Task ExpireSomeAsync()
    {
        var conversation = _conversations.Keys.ElementAt(_random.Next(_conversations.Count));
        var messages = MessagesOf(conversation).Select(fact => fact.Revision).ToList();
        if (_conversations[conversation].MemberIds.Length == 0)
            return;
        await ExpireAsync(conversation, [.. messages.Where((_, n) => IsExpired(n))]);

        bool IsExpired(int n) =>
            _random.Next(messages.Count) >= n + (_random.Next(4) == 0 ? -messages.Count : 0);
    }

    private async Task DecideAsync(ConversationId id, ConversationCommand command, UserId by)
    {
        var state = _conversations.GetValueOrDefault(id, Conversation.NotStarted);
        var events = Conversation.Decide(state, command, Now);
        await AppendAsync(StreamName.Of(id), by, events);
        _conversations[id] = events.Aggregate(state, Conversation.Evolve);
    }

    private async Task AcknowledgeAsync(ConversationId id, ReceiptCommand command)
    {
        var state = _receipts.GetValueOrDefault(id, Watermarks.None);
        var events = Watermarks.Decide(state, command, _conversations[id].LastSeq, Now);
        await AppendAsync(StreamName.OfReceipts(id), command.User, events);
        _receipts[id] = events.Aggregate(state, Watermarks.Evolve);
    }

    private async Task AppendAsync(string stream, UserId by, IReadOnlyList<object> events)
    {
        if (events.Count == 0)
            return;
        var (revision, hash) = _ends.GetValueOrDefault(stream, (-1, IEventCodec.FirstLink));
        var datas = new List<EventData>();
        foreach (var @event in events)
        {
            var context = new EventContext(NewGuid(), Now, new Actor(by, _devices[0]), null, null);
            (var data, hash) = _codec.Encode(@event, context, hash);
            datas.Add(data);
        }

        var outcome = await AppendedAsync(new StreamAppend(stream, revision, datas));
        Head = outcome.Position;
        foreach (var data in datas)
        {
            Facts.Add(_codec.Decode(new StoredEvent(
                stream, ++revision, outcome.Position, data.EventId, data.Type, data.Payload, data.Metadata)));
        }

        _ends[stream] = (revision, hash);
    }

    /// <summary>Appends, and retries while the store is unavailable.</summary>
    private async Task<AppendOutcome.Appended> AppendedAsync(StreamAppend append)
    {
        AppendOutcome? outcome = null;
        await Eventually.IsTrue(async () =>
        {
            try
            {
                outcome = (await log.AppendAsync([append], CancellationToken.None))[0];
                return true;
            }
            catch (StoreUnavailableException)
            {
                return false;
            }
        }, "the log takes an append");
        return Assert.IsType<AppendOutcome.Appended>(outcome);
    }

    private Guid NewGuid() => Guid.CreateVersion7(Start.AddSeconds(_random.Next(1_000)));

    public static SealedContent Sealed(int bytes = ContentBytes) =>
        new("day-2026-02-01", RandomNumberGenerator.GetBytes(bytes));
}
