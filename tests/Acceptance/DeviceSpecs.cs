using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>Two devices of one user: each confirms for itself, and each sees what the other sends and reads.</summary>
public sealed class DeviceSpecs(Product product) : IClassFixture<Product>
{
    [Fact]
    public async Task A_device_gets_the_messages_it_has_not_confirmed_itself()
    {
        var (ada, bob) = await product.PairAsync();
        var laptop = await bob.AddDeviceAsync();
        Sent last = null!;
        for (var i = 1; i <= 6; i++) last = await ada.SayAsync(bob, $"message {i}");
        var conversation = last.ConversationId;

        await bob.ConfirmAsync(conversation, delivered: 4);
        Assert.Equal([5L, 6], await WaitingAsync(bob, conversation));
        Assert.Equal([1L, 2, 3, 4, 5, 6], await WaitingAsync(laptop, conversation));

        await laptop.ConfirmAsync(conversation, delivered: 2);
        Assert.Equal([5L, 6], await WaitingAsync(bob, conversation));
        Assert.Equal([3L, 4, 5, 6], await WaitingAsync(laptop, conversation));

        var read = await laptop.ConfirmAsync(conversation, read: 6);
        Assert.Empty(await WaitingAsync(laptop, conversation));
        // The laptop's read does not confirm for the phone.
        Assert.Equal([5L, 6], await WaitingAsync(bob, conversation));
        Assert.Empty(await bob.UnreadAsync(read));
        Assert.Equal("read", (await ada.MessageAsync(conversation, last.MessageId, read)).Status);
    }

    [Fact]
    public async Task A_device_added_later_gets_all_messages_from_the_start()
    {
        var (ada, bob) = await product.PairAsync();
        var sent = await ada.SayAsync(bob, "long ago");
        await bob.ConfirmAsync(sent.ConversationId, read: sent.Seq);

        Assert.Equal([sent.Seq], await WaitingAsync(await bob.AddDeviceAsync(), sent.ConversationId));
        // Own messages, too.
        Assert.Equal([sent.Seq], await WaitingAsync(await ada.AddDeviceAsync(), sent.ConversationId));
    }

    [Fact]
    public async Task Messages_and_reads_of_one_device_reach_the_others()
    {
        var (ada, bob) = await product.PairAsync();
        var adasLaptop = await ada.AddDeviceAsync();
        var bobsLaptop = await bob.AddDeviceAsync();
        await using var phones = await ada.ConnectAsync();
        await using var laptops = await adasLaptop.ConnectAsync();
        await using var bobs = await bob.ConnectAsync();
        await using var bobsLaptops = await bobsLaptop.ConnectAsync();

        var sent = await phones.SayAsync(Draft.To(bob.Id, "from the phone"));
        var own = await laptops.MessageAsync(sent.MessageId);
        Assert.Equal((ada.Id, ada.Session.DeviceId), (own.SenderId, own.SenderDeviceId));
        await bobs.MessageAsync(sent.MessageId);
        await bobsLaptops.MessageAsync(sent.MessageId);

        await bobs.SendAsync(new { op = "delivered", conversation_id = sent.ConversationId, seq = sent.Seq });
        await phones.ReceiptAsync(sent.ConversationId, bob.Id, delivered: sent.Seq);
        await bobs.SendAsync(new { op = "read", conversation_id = sent.ConversationId, seq = sent.Seq });
        await phones.ReceiptAsync(sent.ConversationId, bob.Id, read: sent.Seq);
        await laptops.ReceiptAsync(sent.ConversationId, bob.Id, read: sent.Seq);
        await bobsLaptops.ReceiptAsync(sent.ConversationId, bob.Id, read: sent.Seq);
        await bobs.PingAsync();
        Assert.DoesNotContain(bobs.Frames(), f => f.Op == "receipt"); // A device gets no receipt of its own.
        foreach (var socket in (ChatSocket[])[phones, laptops, bobs, bobsLaptops]) socket.KeptOrder();
    }

    /// <summary>The seqs of the messages that a device gets when it connects.</summary>
    private static async Task<IEnumerable<long>> WaitingAsync(Person device, Guid conversation)
    {
        await using var socket = await device.ConnectAsync();
        return [.. socket.Messages(conversation).Select(message => message.Seq)];
    }
}
