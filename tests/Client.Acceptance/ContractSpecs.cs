using System.Text.Json;
using ChatCqrs.Acceptance;

namespace ChatCqrs.Client.Acceptance;

/// <summary>The SDK against the running product: each call does what its name says, at both ends.</summary>
public sealed partial class ContractSpecs(Running server) : IClassFixture<Running>
{
    [Fact]
    public async Task Two_people_write_to_each_other()
    {
        await using var ada = await Party.JoinAsync(server.Address, "Ada");
        await using var ben = await Party.JoinAsync(server.Address, "Ben");
        var talk = await StartAsync(ada, ben);

        var hello = await ada.Client.Conversation(talk).SendAsync("hello");
        var acknowledged = await hello.Acked.WaitAsync(Eventually.Deadline);
        await ben.UntilAsync(party => party.Messages(talk).Count == 1);
        var got = ben.Messages(talk)[0];
        Assert.Equal((hello.Id, "hello", ada.Id, acknowledged.Seq), (got.MessageId, got.Text, got.SenderId, got.Seq));

        var answer = await ben.Client.Conversation(talk).SendAsync("hi", replyTo: hello.Id);
        await answer.Acked.WaitAsync(Eventually.Deadline);
        await ben.Client.Conversation(talk).MarkReadAsync(acknowledged.Seq);
        await ada.UntilAsync(party => party.Messages(talk).Count == 2);
        Assert.Equal(hello.Id, ada.Messages(talk)[1].ReplyTo);
        await ada.UntilAsync(party => party.Seen.OfType<ReceiptReceived>()
            .Any(receipt => receipt.UserId == ben.Id && receipt.ReadSeq >= acknowledged.Seq));

        await ben.Client.Conversation(talk).TypingAsync();
        await ada.UntilAsync(party => party.Seen.OfType<TypingReceived>().Any(typing => typing.UserId == ben.Id));
        Assert.Equal(
            ada.Messages(talk).Select(message => (message.Seq, message.Text)),
            ben.Messages(talk).Select(message => (message.Seq, message.Text)));
    }

    [Fact]
    public async Task Messages_are_edited_reacted_to_and_deleted_and_looked_back_at_in_pages()
    {
        await using var ada = await Party.JoinAsync(server.Address, "Ada");
        await using var ben = await Party.JoinAsync(server.Address, "Ben");
        var talk = await StartAsync(ada, ben);
        var conversation = ada.Client.Conversation(talk);
        var sent = new List<OutgoingMessage>();
        for (var i = 0; i < 7; i++)
            sent.Add(await conversation.SendAsync($"{i}"));
        await Task.WhenAll(sent.Select(message => message.Acked)).WaitAsync(Eventually.Deadline);

        await conversation.EditAsync(sent[0].Id, "edited");
        await ben.Client.Conversation(talk).ReactAsync(sent[1].Id, "👍");
        await ben.Client.Conversation(talk).ReactAsync(sent[2].Id, "👍");
        await ben.Client.Conversation(talk).ReactAsync(sent[2].Id, null);
        await conversation.DeleteAsync(sent[3].Id);
        await ben.UntilAsync(party =>
            party.Seen.OfType<ConversationUpdated>().Any(update => update.Kind == "message_deleted"));

        var messages = await Eventually.GetAsync(
            () => HistoryAsync(ben.Client.Conversation(talk), limit: 3),
            history => history is [_, _, _, { DeletedAt: not null }, ..], "what Ben reads is as new as what came");
        Assert.Equal(sent.Select(message => message.Id), messages.Select(message => message.MessageId));
        Assert.Equal("edited", messages[0].Text);
        Assert.Equal(ben.Id, Assert.Single(messages[1].Reactions!["👍"]));
        Assert.Empty(messages[2].Reactions!);
        Assert.True(messages[3] is { DeletedAt: not null, Text: null });
        Assert.Equal(ben.Id, Assert.Single(await conversation.ReceiptsAsync(sent[6].Id)).UserId);
    }

    [Fact]
    public async Task Groups_people_and_the_inbox()
    {
        await using var ada = await Party.JoinAsync(server.Address, "Ada");
        await using var ben = await Party.JoinAsync(server.Address, "Ben");
        await using var eve = await Party.JoinAsync(server.Address, "Eve");
        var match = Assert.Single(await ada.Client.LookupAsync([ben.Phone, "+99912345678901"]));
        Assert.Equal((ben.Id, "Ben"), (match.UserId, match.Name));

        var group = await ada.Client.Inbox.StartGroupAsync("Plans", [match.UserId]);
        var conversation = ada.Client.Conversation(group.ConversationId);
        await conversation.AddMembersAsync([eve.Id]);
        await (await conversation.SendAsync("welcome")).Acked.WaitAsync(Eventually.Deadline);
        await eve.UntilAsync(party => party.Messages(group.ConversationId).Count == 1);
        Assert.Equal(
            new[] { ada.Id, ben.Id, eve.Id }.Order(),
            (await conversation.MembersAsync()).Select(member => member.UserId).Order());
        Assert.Equal(3, (await conversation.DetailsAsync()).Members.Count);
        await conversation.RemoveMemberAsync(eve.Id);
        await eve.UntilAsync(party =>
            party.Seen.OfType<ConversationUpdated>().Any(update => update.Kind == "member_removed"));

        var inbox = new List<ConversationSummary>();
        await foreach (var item in ada.Client.Inbox.AllAsync())
            inbox.Add(item);
        var plans = Assert.Single(inbox, item => item.ConversationId == group.ConversationId);
        Assert.Equal(("group", "Plans"), (plans.Type, plans.Title));
        Assert.Equal("Ada", (await ada.Client.MeAsync()).Name);
        Assert.True(Assert.Single(await ada.Client.DevicesAsync()).Current);

        var direct = await ada.Client.Inbox.StartDirectAsync(ben.Id);
        await ben.Client.BlockAsync(ada.Id);
        var blocked = await ada.Client.Conversation(await StartAsync(ada, eve)).SendAsync("not blocked");
        await blocked.Acked.WaitAsync(Eventually.Deadline);
        var refused = await ada.Client.Conversation(direct.ConversationId).SendAsync("blocked");
        var reason = await Assert.ThrowsAsync<ChatException>(() => refused.Acked.WaitAsync(Eventually.Deadline));
        Assert.Equal((ErrorCode.Blocked, 403), (reason.Code, reason.Status));
        Assert.Equal(OutgoingStatus.Parked, Assert.Single(ada.Client.Outbox).Status);
    }

    [Fact]
    public async Task What_was_sent_to_somebody_who_is_away_comes_when_they_are_back_and_only_once()
    {
        await using var ada = await Party.JoinAsync(server.Address, "Ada");
        var storage = new MemoryStorage();
        Guid talk;
        string phone;
        await using (var ben = await Party.JoinAsync(server.Address, "Ben", storage))
        {
            (talk, phone) = (await StartAsync(ada, ben), ben.Phone);
            await ada.Client.Conversation(talk).SendAsync("before");
            await ben.UntilAsync(party => party.Messages(talk).Count == 1);
        }

        for (var i = 0; i < 30; i++)
            await ada.Client.Conversation(talk).SendAsync($"{i}");
        await Eventually.BeAsync(() => ada.Client.Outbox.Count == 0, "everything is sent");
        await using var again = await Party.JoinAsync(server.Address, "Ben", storage, phone: phone);

        await again.UntilAsync(party => party.Seen.OfType<CaughtUp>().Any());
        Assert.Equal(
            Enumerable.Range(0, 30).Select(i => $"{i}"), again.Messages(talk).Select(message => message.Text));
        Assert.Single(again.Seen.OfType<CaughtUp>());
    }

    [Fact]
    public async Task Every_code_that_the_server_describes_is_a_constant()
    {
        using var http = new HttpClient { BaseAddress = server.Address };
        using var document = JsonDocument.Parse(await http.GetStringAsync("swagger/v1/swagger.json"));
        var described = new HashSet<string>(CodesIn(document.RootElement, inProblems: false));
        var constants = typeof(ErrorCode).GetFields().Select(field => (string)field.GetRawConstantValue()!).ToHashSet();

        Assert.True(described.Count > 40, $"{described.Count} codes are described.");
        Assert.Equal([], described.Except(constants).Order().Select(code => $"add {code} to ErrorCode.Server.cs"));
    }

    /// <summary>The names of examples of problems, and the values that their <c>code</c> may have.</summary>
    private static IEnumerable<string> CodesIn(JsonElement element, bool inProblems)
    {
        if (element.ValueKind == JsonValueKind.Array)
            return element.EnumerateArray().SelectMany(item => CodesIn(item, inProblems));
        if (element.ValueKind != JsonValueKind.Object)
            return [];
        return element.EnumerateObject().SelectMany(member => member switch
        {
            { Name: "application/problem+json" } => CodesIn(member.Value, inProblems: true),
            { Name: "examples" } when inProblems => member.Value.EnumerateObject().Select(example => example.Name),
            { Name: "code", Value.ValueKind: JsonValueKind.Object }
                when member.Value.TryGetProperty("enum", out var values) =>
                values.EnumerateArray().Select(value => value.GetString()!),
            _ => CodesIn(member.Value, inProblems),
        });
    }

    /// <summary>All messages, fetched in pages.</summary>
    private static async Task<IReadOnlyList<ChatMessage>> HistoryAsync(ChatConversation conversation, int limit)
    {
        var messages = new List<ChatMessage>();
        long? before = null;
        do
        {
            var page = await conversation.HistoryAsync(before, limit);
            messages.InsertRange(0, page.Messages);
            before = page.Before;
        }
        while (before is not null);
        return messages;
    }

    internal static async Task<Guid> StartAsync(Party one, Party other) =>
        (await one.Client.Inbox.StartDirectAsync(other.Id)).ConversationId;
}
