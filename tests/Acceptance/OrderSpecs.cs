using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>All members see one gap-free order that keeps the order of each sender.</summary>
public sealed class OrderSpecs(Product product) : IClassFixture<Product>
{
    private const int Each = 300;

    [Fact]
    public async Task Two_senders_of_300_pipelined_messages_see_one_order()
    {
        var (ada, bob) = await product.PairAsync();
        var (adasLaptop, bobsLaptop) = (await ada.AddDeviceAsync(), await bob.AddDeviceAsync());
        await using var adas = await ada.ConnectAsync();
        await using var bobs = await bob.ConnectAsync();
        await using var adaWatching = await adasLaptop.ConnectAsync();
        await using var bobWatching = await bobsLaptop.ConnectAsync();
        var fromAda = Enumerable.Range(0, Each).Select(
            i => Draft.To(bob.Id, $"ada {i}", RetrySpecs.NewId(i % 3 == 0 ? "version 4" : "fresh version 7"))).ToList();
        var fromBob = Enumerable.Range(0, Each).Select(i =>
            Draft.To(ada.Id, $"bob {i}", RetrySpecs.NewId(i % 3 == 0 ? "old version 7" : "fresh version 7"))).ToList();

        await Task.WhenAll(PipelineAsync(adas, fromAda), PipelineAsync(bobs, fromBob));
        var (adaAcks, bobAcks) = (await AcksAsync(adas, fromAda), await AcksAsync(bobs, fromBob));

        Assert.Equal(
            fromAda.Select(draft => draft.Id), adaAcks.OrderBy(sent => sent.Seq).Select(sent => sent.MessageId));
        Assert.Equal(
            fromBob.Select(draft => draft.Id), bobAcks.OrderBy(sent => sent.Seq).Select(sent => sent.MessageId));
        Assert.Equal(
            Enumerable.Range(1, 2 * Each).Select(i => (long)i),
            adaAcks.Concat(bobAcks).Select(sent => sent.Seq).Order());

        // Both timelines equal the acknowledged order.
        var conversation = adaAcks[0].ConversationId;
        var order = adaAcks.Concat(bobAcks).OrderBy(sent => sent.Seq).Select(sent => sent.MessageId).ToList();
        foreach (var person in (Person[])[ada, bob])
        {
            var timeline = await person.TimelineAsync(conversation, 2 * Each);
            Assert.Equal(order, timeline.Skip(1).Select(entry => entry.Message!.MessageId));
        }

        // Sockets that sent nothing got exactly that order, live.
        foreach (var watching in (ChatSocket[])[adaWatching, bobWatching])
        {
            await watching.MessageAsync(order[^1]);
            Assert.Equal(order, watching.Messages(conversation).Select(message => message.MessageId));
            watching.KeptOrder();
        }
        await adas.MessageAsync(fromBob[^1].Id);
        await bobs.MessageAsync(fromAda[^1].Id);
        adas.KeptOrder();
        bobs.KeptOrder();
    }

    [Fact]
    public async Task Messages_to_many_conversations_keep_the_order_of_each()
    {
        var ada = await product.RegisterAsync();
        var friends = new List<Person>();
        for (var i = 0; i < 5; i++) friends.Add(await product.RegisterAsync($"Friend {i}"));
        await using var adas = await ada.ConnectAsync();
        var drafts = Enumerable.Range(0, 200).Select(i => Draft.To(friends[i % 5].Id, $"{i}")).ToList();
        await PipelineAsync(adas, drafts);
        var acks = await AcksAsync(adas, drafts);
        foreach (var own in acks.GroupBy(sent => sent.ConversationId))
            Assert.Equal(Enumerable.Range(1, 40).Select(i => (long)i), own.Select(sent => sent.Seq));
    }

    [Fact]
    public async Task Receipts_of_many_messages_reach_the_sender_in_order()
    {
        var (ada, bob) = await product.PairAsync();
        await using var adas = await ada.ConnectAsync();
        await using var bobs = await bob.ConnectAsync();
        var drafts = Enumerable.Range(0, 100).Select(i => Draft.To(bob.Id, $"{i}")).ToList();
        await PipelineAsync(adas, drafts);
        var conversation = (await AcksAsync(adas, drafts))[0].ConversationId;
        await bobs.MessageAsync(drafts[^1].Id);
        foreach (var message in bobs.Messages(conversation))
            await bobs.SendAsync(new { op = "delivered", conversation_id = conversation, seq = message.Seq });
        for (var seq = 1; seq <= 100; seq += 3)
            await bobs.SendAsync(new { op = "read", conversation_id = conversation, seq });
        await adas.ReceiptAsync(conversation, bob.Id, delivered: 100, read: 100);

        // Watermarks never go back.
        var receipts = adas.Frames().Where(f => f.Is("receipt", conversation)).ToList();
        var (delivered, read) = (
            receipts.Select(f => f.Body.Number("delivered_seq")).ToList(),
            receipts.Select(f => f.Body.Number("read_seq")).ToList());
        Assert.Equal(delivered.Order(), delivered);
        Assert.Equal(read.Order(), read);
        await Eventually.GetAsync(
            () => ada.MessageAsync(conversation, drafts[99].Id),
            message => message.Status == "read",
            "the last one is read");
    }

    internal static async Task PipelineAsync(ChatSocket socket, IEnumerable<Draft> drafts)
    {
        foreach (var draft in drafts) await socket.SendAsync(draft);
    }

    internal static async Task<List<Sent>> AcksAsync(ChatSocket socket, IEnumerable<Draft> drafts)
    {
        var acks = new List<Sent>();
        foreach (var draft in drafts) acks.Add(await socket.AckAsync(draft.Id));
        return acks;
    }
}
