namespace ChatCqrs.Acceptance.Client;

/// <summary>
/// Two people who write to each other while servers and stores fail: Ada over her socket, Bob by REST, each receiving
/// on a socket. In the end both must see every message once, in one order.
/// </summary>
public sealed class Correspondence(Person ada, Person bob, int each, Ledger ledger)
{
    private readonly Inlet _adaReceives = new(ada);
    private readonly Inlet _bobReceives = new(bob);
    private readonly List<Draft> _fromAda = Drafts(ada, bob, each);
    private readonly List<Draft> _fromBob = Drafts(bob, ada, each);

    public static async Task<Correspondence> BeginAsync(ChatApi one, ChatApi other, int each, Ledger ledger)
    {
        var (ada, bob) = (await Person.RegisterAsync(one, name: "Ada"), await Person.RegisterAsync(other, name: "Bob"));
        return new Correspondence(ada, bob, each, ledger);
    }

    /// <summary>Sends everything; returns when all of it is acknowledged and received.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        // Apart from the senders' token: receives until all has come.
        using var receiving = new CancellationTokenSource();
        var receivers = Task.WhenAll(
            _adaReceives.ReceiveAsync(receiving.Token), _bobReceives.ReceiveAsync(receiving.Token));
        var senders = Task.WhenAll(
            new Outbox(ada, _fromAda, ledger).SendBySocketAsync(cancellation),
            new Outbox(bob, _fromBob, ledger).SendByRestAsync(cancellation));
        try
        {
            await await Task.WhenAny(senders, receivers); // A failed receiver ends the test at once.
            await Eventually.BeAsync(
                () => HasAll(_adaReceives, _fromBob) && HasAll(_bobReceives, _fromAda),
                "everything has come to the other side's socket");
        }
        finally
        {
            await receiving.CancelAsync();
        }

        await receivers;
    }

    /// <summary>Asserts: no acknowledged message is lost or stored twice, and both see one gap-free order.</summary>
    /// <param name="inTheOrderSent">Also assert that each sender's messages stand in the order of sending.</param>
    public async Task VerifyAsync(bool inTheOrderSent = true)
    {
        var acknowledged = ledger.Acknowledged.Where(ack => ack.Key.Sender == ada.Id || ack.Key.Sender == bob.Id)
            .ToList();
        var conversation = Assert.Single(acknowledged.Select(ack => ack.Value.ConversationId).Distinct());
        var last = acknowledged.Max(ack => ack.Value.Seq);

        var timeline = await ada.TimelineAsync(conversation, last); // Asserts that there is no gap.
        var messages = timeline.Where(entry => entry.Kind == "message").Select(entry => entry.Message!).ToList();
        Assert.Equal(
            _fromAda.Concat(_fromBob).Select(draft => draft.Id).Order(),
            messages.Select(message => message.MessageId).Order());
        var places = messages.ToDictionary(
            message => (message.SenderId, message.MessageId), message => (message.Seq, message.SentAt));
        Assert.All(acknowledged, ack => Assert.Equal((ack.Value.Seq, ack.Value.SentAt), places[ack.Key]));
        Assert.Equal(timeline.Select(Seen), (await bob.TimelineAsync(conversation, last)).Select(Seen));
        if (inTheOrderSent)
        {
            Assert.Equal(
                _fromAda.Select(draft => draft.Id),
                messages.Where(message => message.SenderId == ada.Id).Select(message => message.MessageId));
            Assert.Equal(
                _fromBob.Select(draft => draft.Id),
                messages.Where(message => message.SenderId == bob.Id).Select(message => message.MessageId));
        }
        foreach (var received in (Inlet[])[_adaReceives, _bobReceives])
            Assert.All(
                received.Entries, entry => Assert.Equal(timeline[(int)entry.Key.Seq].Message?.MessageId, entry.Value));

        // A new device gets every message over its socket. Retries get the first answer.
        var fresh = await bob.AddDeviceAsync();
        await using (var socket = await fresh.ConnectAsync())
        {
            Assert.Equal(
                messages.Select(message => message.MessageId),
                socket.Messages(conversation).Select(message => message.MessageId));
            socket.KeptOrder();
        }
        foreach (var draft in (Draft[])[_fromAda[0], _fromAda[^1]])
            Assert.Equal(
                ledger.Acknowledged[(ada.Id, draft.Id)], (await ada.PostMessageAsync(draft)).Expect(200).Read<Sent>());

        var read = await bob.ConfirmAsync(conversation, read: last);
        Assert.All(_fromAda.Take(3).Append(_fromAda[^1]), draft =>
            Assert.Equal("read", ada.MessageAsync(conversation, draft.Id, read).GetAwaiter().GetResult().Status));
    }

    private static bool HasAll(Inlet inlet, List<Draft> drafts) =>
        drafts.Select(draft => draft.Id).ToHashSet().IsSubsetOf(inlet.Entries.Values);

    private static (long Seq, string Kind, Guid? Message, string? Text) Seen(Entry entry) =>
        (entry.Seq, entry.Kind, entry.Message?.MessageId, entry.Message?.Text);

    private static List<Draft> Drafts(Person from, Person to, int count) =>
    [
        .. Enumerable.Range(0, count).Select(i =>
            Draft.To(to.Id, $"{from.Id} {i}", RetrySpecs.NewId(i % 4 == 0 ? "version 4" : "fresh version 7"))),
    ];
}
