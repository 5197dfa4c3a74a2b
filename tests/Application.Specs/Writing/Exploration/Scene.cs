using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Testing;

namespace ChatCqrs.Application.Specs.Writing.Exploration;

/// <summary>
/// Three people, their direct conversations and a group, on two nodes: chance says who asks for what, and where.
/// </summary>
internal sealed class Scene
{
    private const int Steps = 120;
    private const int TurnsMax = 20_000;
    private const int BurstMax = 6;

    private static readonly DeviceId Device = new(Id(0xdd));

    private readonly Simulation _simulation;
    private readonly List<(ConversationCommand.SendMessage Command, ConversationId Conversation)> _messages = [];

    public Scene(Simulation simulation, int conversationsInMemory)
    {
        _simulation = simulation;
        var views = new Views(Log);
        var options = new WriterOptions
        {
            Partitions = 1,
            ConversationsMax = conversationsInMemory,
            AppendsInFlight = simulation.Chance.Next(1, 3),
        };
        Nodes = [.. Enumerable.Range(0, 2).Select(_ => new SimulatedNode(Log, views, simulation, options))];
    }

    public InMemoryEventStore Log { get; } = new();

    public IReadOnlyList<SimulatedNode> Nodes { get; }

    public IReadOnlyList<UserId> People { get; } = [new(Id(1)), new(Id(2)), new(Id(3))];

    public ConversationId Group { get; } = new(Id(0xaa));

    public List<(SimulatedNode Node, PendingSend Request)> Sends { get; } = [];

    /// <summary>How many of the sends came before the last retries.</summary>
    public int SendsBeforeRetries { get; private set; }

    /// <summary>Whether calls to the log failed.</summary>
    public bool HadFaults { get; private set; }

    public List<(SimulatedNode Node, PendingReceipt Request)> Receipts { get; } = [];

    public List<(SimulatedNode Node, PendingChange Request)> Changes { get; } = [];

    /// <summary>
    /// The peeks, each with the highest seq that its node had stored before. (What a look-up by id found was stored by
    /// any node, and says nothing of this node's memory.)
    /// </summary>
    public List<(PendingPeek Request, long AtLeast)> Peeks { get; } = [];

    /// <summary>The answers of all requests.</summary>
    public List<Task> Answers { get; } = [];

    public IEnumerable<ConversationId> Conversations =>
        _messages.Select(message => message.Conversation).Append(Group).Distinct();

    public void Play()
    {
        _simulation.Clock.Now += TimeSpan.FromMinutes(1); // Ids are proved new by their time from now on.
        Change(Nodes[0], new ConversationCommand.StartGroup(People[0], [People[1]], Title(People[0]), 10));
        for (var step = 0; step < Steps; step++)
        {
            _simulation.Clock.Now += TimeSpan.FromMilliseconds(_simulation.Chance.Next(200));
            Step(Any(Nodes));
            _simulation.Settle();
        }

        Finish();
    }

    /// <summary>Runs what the log answers at once.</summary>
    public T Result<T>(Task<T> task)
    {
        _simulation.Settle();
        return task.Result;
    }

    private void Step(SimulatedNode node)
    {
        switch (_simulation.Chance.Next(16))
        {
            case 0 or 1:
                Send(node, NewMessage());
                break;
            case 2:
                SendBurst(node);
                break;
            case 3 when _messages.Count > 0:
                Send(node, _simulation.Chance.Next(3) == 0 ? SameIdOfAnother(Any(_messages)) : Any(_messages));
                break;
            case 4:
                Acknowledge(node);
                break;
            case 5:
                Peek(node);
                break;
            case 6:
                Change(node, Any<ConversationCommand>(
                [
                    new ConversationCommand.AddMembers(People[0], [People[2]], 10),
                    new ConversationCommand.RemoveMember(People[0], People[2]),
                    new ConversationCommand.RenameGroup(People[1], Title(People[1])),
                ]));
                break;
            case 7 or 8:
                Notice(node);
                break;
            default:
                _simulation.TakeTurn();
                break;
        }
    }

    /// <summary>Answers everything without faults, and then retries every message, as clients do.</summary>
    private void Finish()
    {
        HadFaults = _simulation.FailureRate > 0;
        _simulation.FailureRate = 0;
        Drain();
        if (HadFaults)
            RepeatNotices();
        SendsBeforeRetries = Sends.Count;
        foreach (var message in _messages)
            Send(Any(Nodes), message);
        Drain();
    }

    /// <summary>A read that fails may lose an announcement; the slow check of sockets repeats it.</summary>
    private void RepeatNotices()
    {
        foreach (var node in Nodes)
        {
            foreach (var news in node.Noticed.ToList())
                node.Notice(news);
        }

        Drain();
    }

    private void Drain()
    {
        _simulation.Settle();
        for (var turns = 0; _simulation.TakeTurn(); turns++)
            Assert.True(turns < TurnsMax, "the writer comes to rest");
    }

    private (ConversationCommand.SendMessage Command, ConversationId Conversation) NewMessage()
    {
        var sender = Any(People);
        var receiver = Any([.. People.Where(person => person != sender)]);
        return NewMessage(sender, receiver, isInGroup: _simulation.Chance.Next(3) == 0);
    }

    private (ConversationCommand.SendMessage Command, ConversationId Conversation) NewMessage(
        UserId sender, UserId receiver, bool isInGroup)
    {
        var command = new ConversationCommand.SendMessage(
            NewId(), sender, Device, MessageType.Text,
            new SealedContent(null, new byte[8]), new Fingerprint(1), null, null, isInGroup ? null : receiver);
        _messages.Add((command, isInGroup ? Group : DirectConversation.IdOf(sender, receiver)));
        return _messages[^1];
    }

    /// <summary>Another member's message in the same conversation, under the same id.</summary>
    private (ConversationCommand.SendMessage Command, ConversationId Conversation) SameIdOfAnother(
        (ConversationCommand.SendMessage Command, ConversationId Conversation) message)
    {
        var (command, conversation) = message;
        var other = command.StartWith ?? Any([.. People.Where(person => person != command.Sender)]);
        UserId? startWith = command.StartWith is null ? null : command.Sender;
        _messages.Add((command with { Sender = other, StartWith = startWith }, conversation));
        return _messages[^1];
    }

    /// <summary>One in four tells no time, so it must be looked up.</summary>
    private MessageId NewId()
    {
        if (_simulation.Chance.Next(4) > 0)
            return new MessageId(Guid.CreateVersion7(_simulation.Clock.Now));
        var bytes = new byte[16];
        _simulation.Chance.NextBytes(bytes);
        return new MessageId(new Guid(bytes));
    }

    /// <summary>Several messages of one sender to one conversation, with answers of the log between them.</summary>
    private void SendBurst(SimulatedNode node)
    {
        var first = NewMessage();
        Send(node, first);
        var (sender, receiver) = (first.Command.Sender, first.Command.StartWith);
        for (var left = _simulation.Chance.Next(BurstMax); left > 0; left--)
        {
            if (_simulation.Chance.Next(2) == 0)
                _simulation.TakeTurn();
            Send(node, NewMessage(sender, receiver ?? sender, isInGroup: receiver is null));
        }
    }

    private void Send(
        SimulatedNode node, (ConversationCommand.SendMessage Command, ConversationId Conversation) message)
    {
        var request = new PendingSend(message.Conversation, message.Command, By(message.Command.Sender), default);
        Sends.Add((node, request));
        Post(node, request, request.Answer);
    }

    private void Acknowledge(SimulatedNode node)
    {
        var sent = Sends.Where(send => send.Request.Answer.IsCompletedSuccessfully).ToList();
        if (sent.Count == 0)
            return;
        var message = Any(sent).Request;
        var (user, seq) = (Any(People), message.Answer.Result.Seq);
        ReceiptCommand command = _simulation.Chance.Next(2) == 0
            ? new ReceiptCommand.Deliver(user, Device, seq)
            : new ReceiptCommand.Read(user, Device, seq);
        var request = new PendingReceipt(message.Conversation, command, By(user));
        Receipts.Add((node, request));
        Post(node, request, request.Answer);
    }

    private void Peek(SimulatedNode node)
    {
        var request = new PendingPeek(_messages.Count > 0 ? Any(_messages).Conversation : Group);
        var acknowledged = Sends
            .Where(send => send.Node == node && send.Request.Conversation == request.Conversation)
            .Where(send => send.Request.Answer is { IsCompletedSuccessfully: true, Result.Duplicate: false });
        Peeks.Add((request, acknowledged.Select(send => send.Request.Answer.Result.Seq).DefaultIfEmpty(-1).Max()));
        Post(node, request, request.Answer);
    }

    private void Change(SimulatedNode node, ConversationCommand command)
    {
        var request = new PendingChange(Group, command, By(People[0]));
        Changes.Add((node, request));
        Post(node, request, request.Answer);
    }

    private void Notice(SimulatedNode node)
    {
        var announced = Nodes.Single(other => other != node).Announced;
        if (announced.Count > 0)
            node.Notice(_simulation.Chance.Next(2) == 0 ? announced[^1] : Any(announced));
    }

    private void Post(SimulatedNode node, Pending request, Task answer)
    {
        node.Post(request);
        Answers.Add(answer);
    }

    private T Any<T>(IReadOnlyList<T> items) => items[_simulation.Chance.Next(items.Count)];

    private static GroupTitle Title(UserId by) => new(new SealedContent(null, new byte[1]), by);

    private static Origin By(UserId user) => new(new Actor(user, Device), null, null);

    private static Guid Id(int n) => new(n, 0, 0x7000, 0x80, 0, 0, 0, 0, 0, 0, 0);
}
