using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>
/// Who got and read what when is kept as long as the message, the account and the device, and no rebuild brings it
/// back.
/// </summary>
public sealed class ReceiptTrimTests : ProjectingTest
{
    private readonly UserId _ann = History.SomeUser();
    private readonly UserId _ben = History.SomeUser();
    private readonly UserId _cid = History.SomeUser();

    [Fact]
    public async Task Times_before_the_first_kept_message_go_step_by_step_and_others_stay()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var conversation = await HappenAsync(history, messages: 20);
        var other = await history.StartAsync(_ann, _cid);
        await history.SendAsync(other, _ann);
        await history.ReadAsync(other, _cid, 1);
        await node.CaughtUpAsync(history.Head);
        var times = await TimesAsync(node, conversation, from: 16);

        await history.ExpireAsync(conversation, [.. Enumerable.Range(1, 15).Select(seq => (long)seq)]);
        await history.ExpireAsync(conversation, 18); // Behind a kept message.
        await node.CaughtUpAsync(history.Head);
        var steps = await TrimAsync(node, limit: 7);

        Assert.Equal(5, steps); // 30 times, seven at once.
        Assert.Equal(times, await TimesAsync(node, conversation, from: 16));
        Assert.Equal(
            ["false: 16 to 20", "true: 16 to 20"],
            await Views.TextsAsync(
                $"""
                SELECT is_read || ': ' || min(up_to_seq) || ' to ' || max(up_to_seq) FROM chat.receipt_marks
                WHERE conversation_id = '{conversation}' GROUP BY is_read ORDER BY 1
                """));
        Assert.Equal(2, await MarksAsync($"conversation_id = '{other}'"));
        Assert.Equal(0, await TrimAsync(node, limit: 7));
    }

    [Fact]
    public async Task Where_no_message_is_kept_no_time_is()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var conversation = await HappenAsync(history, messages: 3);
        await history.ExpireAsync(conversation, 1, 2, 3);
        await node.CaughtUpAsync(history.Head);
        await TrimAsync(node, limit: 100);

        Assert.Equal(0, await MarksAsync("true"));
        Assert.Equal(1, await Views.NumberAsync("SELECT count(*) FROM chat.watermarks"));
        await history.SendAsync(conversation, _ann); // What is unread still begins where it was read.
        await node.CaughtUpAsync(history.Head);
        Assert.Equal(1, (await node.Get<IInbox>().OneAsync(_ben, conversation, default))!.Unread);
    }

    [Fact]
    public async Task An_entry_that_is_noted_again_during_a_step_stays()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        var conversation = await HappenAsync(history, messages: 3);
        await history.ExpireAsync(conversation, 1);
        await node.CaughtUpAsync(history.Head);
        var trim = Assert.Single(await node.Get<IExpiry>().ReceiptTrimsAsync(null, 10, default));
        await history.ExpireAsync(conversation, 2);
        await node.CaughtUpAsync(history.Head);

        Assert.False(await node.Get<IExpiry>().TrimReceiptsAsync(trim, 100, default));

        var again = Assert.Single(await node.Get<IExpiry>().ReceiptTrimsAsync(null, 10, default));
        Assert.True(again.Position > trim.Position);
        Assert.Empty(await node.Get<IExpiry>().ReceiptTrimsAsync(conversation, 10, default));
    }

    [Fact]
    public async Task What_an_erased_user_got_and_read_goes_and_late_receipts_bring_nothing_back()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        await history.RegisterAsync(_ben);
        var conversation = await HappenAsync(history, messages: 5);
        var group = await history.StartGroupAsync(_ann, _ben, _cid);
        await history.SendAsync(group, _ann);
        await history.ReadAsync(group, _ben, 1);
        await history.ReadAsync(group, _cid, 1);
        await node.CaughtUpAsync(history.Head);

        await history.EraseAsync(_ben);
        await history.DeliverAsync(group, _ben, 1, device: 1); // Was under way; in the same run or not.
        await node.CaughtUpAsync(history.Head);
        await history.SendAsync(conversation, _ann);
        await history.ReadAsync(conversation, _ben, 6);
        await node.CaughtUpAsync(history.Head);

        Assert.Equal([$"{_cid}"], await Views.TextsAsync("SELECT user_id::text FROM chat.watermarks"));
        Assert.Equal([_cid], (await ReceiptsAsync(group)).Where(user => user != _ann));
        Assert.DoesNotContain(_ben, await ReceiptsAsync(conversation));
        await TrimAsync(node, limit: 4);
        Assert.Equal(0, await MarksAsync($"user_id = '{_ben}'"));
        Assert.Equal(2, await MarksAsync($"user_id = '{_cid}'"));
        await SameInOneRunAndAfterRebuildAsync(node, history);

        async Task<IEnumerable<UserId>> ReceiptsAsync(ConversationId id) =>
            (await node.Get<IReceipts>().OfAsync([id], default))[id].Select(member => member.User);
    }

    [Fact]
    public async Task What_a_removed_device_got_goes_and_late_receipts_bring_nothing_back()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        await history.RegisterAsync(_ben);
        var conversation = await history.StartAsync(_ann, _ben);
        var other = await history.StartAsync(_ben, _cid);
        for (var n = 0; n < 4; n++)
            await history.SendAsync(conversation, _ann);
        await history.DeliverAsync(conversation, _ben, 1, device: 0);
        await history.DeliverAsync(conversation, _ben, 2, device: 1);
        await node.CaughtUpAsync(history.Head);
        Assert.Equal(2, await DevicesAsync());

        await history.RemoveDeviceAsync(_ben, device: 1);
        await history.ReadAsync(conversation, _ben, 3, device: 1); // Was under way; in the same run or not.
        await node.CaughtUpAsync(history.Head);
        Assert.Equal(1, await DevicesAsync());
        await history.DeliverAsync(conversation, _ben, 4, device: 1);
        await history.DeliverAsync(other, _ben, 0, device: 1);
        await node.CaughtUpAsync(history.Head);

        Assert.Equal(1, await DevicesAsync());
        var item = (await node.Get<IInbox>().OneAsync(_ben, conversation, default))!;
        Assert.Equal((4, 3), (item.DeliveredSeq, item.ReadSeq)); // What the user has got and read stays.
        await SameInOneRunAndAfterRebuildAsync(node, history);

        Task<long> DevicesAsync() => Views.NumberAsync(
            "SELECT count(*) FROM chat.watermarks w, jsonb_object_keys(w.devices)");
    }

    /// <summary>What the sweep does with times of receipts.</summary>
    /// <returns>The number of steps.</returns>
    internal static async Task<int> TrimAsync(Node node, int limit)
    {
        var (expiry, steps) = (node.Get<IExpiry>(), 0);
        foreach (var trim in await expiry.ReceiptTrimsAsync(null, 1_000, default))
        {
            do
                steps++;
            while (await expiry.TrimReceiptsAsync(trim, limit, default));
        }

        return steps;
    }

    /// <summary>
    /// Trims all conversations: a rebuild does, and so removes what the live views would keep until the next message
    /// of the conversation expires.
    /// </summary>
    internal static async Task TrimAllAsync(Node node, Views views)
    {
        await views.ExecuteAsync(
            """
            INSERT INTO chat.receipt_trims SELECT DISTINCT conversation_id, 0 FROM chat.watermarks ON CONFLICT DO NOTHING
            """);
        await TrimAsync(node, limit: 100);
    }

    /// <summary>Each message is got and read by its recipient.</summary>
    private async Task<ConversationId> HappenAsync(History history, int messages)
    {
        var conversation = await history.StartAsync(_ann, _ben);
        for (var seq = 1; seq <= messages; seq++)
        {
            await history.SendAsync(conversation, _ann);
            await history.DeliverAsync(conversation, _ben, seq);
            await history.ReadAsync(conversation, _ben, seq);
        }

        return conversation;
    }

    private async Task SameInOneRunAndAfterRebuildAsync(Node node, History history)
    {
        await TrimAllAsync(node, Views);
        var before = await Views.DumpAsync();
        Assert.True(await node.Get<IProjections>().RebuildAsync("receipts", CancellationToken.None));
        await Eventually.IsTrue(async () => await node.StateAsync("receipts") == "running", "the rebuild has ended");
        Assert.True(await TrimAsync(node, limit: 100) > 0); // Every conversation is looked at again.
        Assert.Equal(before, await Views.DumpAsync());

        await using var database = await Node.DatabaseAsync();
        await using var views = new Views(database);
        await using var later = await Node.StartAsync(database, Log);
        await later.CaughtUpAsync(history.Head);
        await TrimAllAsync(later, views);
        Assert.Equal(before, await views.DumpAsync());
    }

    private static async Task<List<string>> TimesAsync(Node node, ConversationId conversation, long from)
    {
        var times = new List<string>();
        for (var seq = from; seq <= 20; seq++)
        {
            foreach (var time in await node.Get<IReceipts>().TimesAsync(conversation, seq, default))
                times.Add($"{seq} {time.User} {time.DeliveredAt:O} {time.ReadAt:O}");
        }

        return times;
    }

    private Task<long> MarksAsync(string where) =>
        Views.NumberAsync($"SELECT count(*) FROM chat.receipt_marks WHERE {where}");
}
