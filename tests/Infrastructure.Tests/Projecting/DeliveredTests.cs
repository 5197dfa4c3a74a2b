using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>With <c>DeleteWhenDelivered</c>: which messages every lasting device holds.</summary>
public sealed class DeliveredTests : ProjectingTest
{
    private const int Sender = 0, Phone = 1, Browser = 2;

    private readonly UserId _ann = History.SomeUser();
    private readonly UserId _ben = History.SomeUser();

    [Fact]
    public async Task An_ephemeral_device_is_not_waited_for()
    {
        var (history, conversation) = await SentAsync(ben: [(Phone, false), (Browser, true)]);
        await using var node = await StartNodeAsync();
        Assert.Empty(await DeliveredAsync(node, history));

        await history.DeliverAsync(conversation, _ben, 1, Phone);

        Assert.Equal([1], await DeliveredAsync(node, history));
    }

    [Fact]
    public async Task What_an_ephemeral_device_has_does_not_count()
    {
        var (history, conversation) = await SentAsync(ben: [(Phone, false), (Browser, true)]);
        await using var node = await StartNodeAsync();

        await history.DeliverAsync(conversation, _ben, 1, Browser);
        await history.ReadAsync(conversation, _ben, 1, Browser);

        Assert.Empty(await DeliveredAsync(node, history));
    }

    [Fact]
    public async Task The_messages_of_somebody_who_has_only_ephemeral_devices_are_kept()
    {
        var (history, conversation) = await SentAsync(ben: [(Browser, true)]);
        await using var node = await StartNodeAsync();

        await history.ReadAsync(conversation, _ben, 1, Browser);
        Assert.Empty(await DeliveredAsync(node, history));

        await history.AddDeviceAsync(_ben, Phone, ephemeral: false);
        await history.DeliverAsync(conversation, _ben, 1, Phone);
        Assert.Equal([1], await DeliveredAsync(node, history));
    }

    [Fact]
    public async Task A_sender_keeps_what_was_sent_from_an_ephemeral_device_until_a_lasting_one_has_it()
    {
        var (history, conversation) = await SentAsync(
            ben: [(Phone, false)], ann: [(Sender, true), (Browser, false)]);
        await using var node = await StartNodeAsync();
        await history.DeliverAsync(conversation, _ben, 1, Phone);
        Assert.Empty(await DeliveredAsync(node, history));

        await history.DeliverAsync(conversation, _ann, 1, Browser);

        Assert.Equal([1], await DeliveredAsync(node, history));
    }

    /// <summary>A message of Ann's to Ben, who have these devices.</summary>
    private async Task<(History History, ConversationId Conversation)> SentAsync(
        (int Device, bool Ephemeral)[] ben, (int Device, bool Ephemeral)[]? ann = null)
    {
        var history = new History(Log);
        foreach (var (user, devices) in new[] { (_ann, ann ?? [(Sender, false)]), (_ben, ben) })
        {
            foreach (var (device, ephemeral) in devices)
                await history.AddDeviceAsync(user, device, ephemeral);
        }

        var conversation = await history.StartAsync(_ann, _ben);
        await history.SendAsync(conversation, _ann, files: false);
        return (history, conversation);
    }

    private static async Task<IEnumerable<long>> DeliveredAsync(Node node, History history)
    {
        await node.CaughtUpAsync(history.Head);
        var delivered = await node.Get<IExpiry>().DeliveredAsync(null, [], 10, 10, default);
        return delivered.Found.SelectMany(each => each.Messages).Select(message => message.Seq);
    }
}
