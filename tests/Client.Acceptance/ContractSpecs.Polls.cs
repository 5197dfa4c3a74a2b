using ChatCqrs.Acceptance;

namespace ChatCqrs.Client.Acceptance;

/// <content>Polls.</content>
public sealed partial class ContractSpecs
{
    [Fact]
    public async Task Every_member_sees_the_votes_of_a_poll()
    {
        await using var ada = await Party.JoinAsync(server.Address, "Ada");
        await using var ben = await Party.JoinAsync(server.Address, "Ben");
        await using var eve = await Party.JoinAsync(server.Address, "Eve");
        var group = (await ada.Client.Inbox.StartGroupAsync("Lunch", [ben.Id, eve.Id])).ConversationId;
        var poll = await ada.Client.Conversation(group).SendAsync(
            MessageContent.Poll("Where?", ["here", "there", "nowhere"], multiple: true));
        await poll.Acked.WaitAsync(Eventually.Deadline);

        await ben.Client.Conversation(group).VoteAsync(poll.Id, [0, 2]);
        await ben.Client.Conversation(group).VoteAsync(poll.Id, [2]); // A vote takes the place of the one before.
        await eve.Client.Conversation(group).VoteAsync(poll.Id, [1, 2]);
        await ada.Client.Conversation(group).VoteAsync(poll.Id, [1]);
        await ada.Client.Conversation(group).VoteAsync(poll.Id, []);

        (string Kind, Guid User, string Options)[] votes =
        [
            ("vote_set", ben.Id, "[0,2]"), ("vote_set", ben.Id, "[2]"), ("vote_set", eve.Id, "[1,2]"),
            ("vote_set", ada.Id, "[1]"), ("vote_cleared", ada.Id, "[]"),
        ];
        foreach (var party in new[] { ada, ben, eve })
        {
            await party.UntilAsync(one => VotesOf(one, group, poll.Id).Count == votes.Length);
            Assert.Equal(votes, VotesOf(party, group, poll.Id));
            var message = await Eventually.GetAsync(
                async () => Assert.Single((await party.Client.Conversation(group).HistoryAsync()).Messages),
                read => read.Votes is { Count: 2 } && read.Votes["2"].Count == 2, "the poll has its votes");
            Assert.Equal("Where?", message.Text);
            Assert.Equal([eve.Id], message.Votes!["1"]);
            Assert.Equal(new[] { ben.Id, eve.Id }.Order(), message.Votes["2"].Order());
        }
    }

    [Fact]
    public async Task A_vote_that_cannot_be_cast_is_refused()
    {
        await using var ada = await Party.JoinAsync(server.Address, "Ada");
        await using var ben = await Party.JoinAsync(server.Address, "Ben");
        var conversation = ben.Client.Conversation(await StartAsync(ada, ben));
        var text = await conversation.SendAsync("no poll");
        var poll = await conversation.SendAsync(MessageContent.Poll("Where?", ["here", "there"]));
        await poll.Acked.WaitAsync(Eventually.Deadline);

        var none = await Assert.ThrowsAsync<ChatException>(() => conversation.VoteAsync(text.Id, [0]));
        Assert.Equal((ErrorCode.NotAPoll, 400), (none.Code, none.Status));
        foreach (var options in (int[][])[[2], [0, 1]]) // There is no such option; only one may be chosen.
            Assert.Equal(400, (await Assert.ThrowsAsync<ChatException>(
                () => conversation.VoteAsync(poll.Id, options))).Status);
    }

    private static IReadOnlyList<(string Kind, Guid User, string Options)> VotesOf(
        Party party, Guid conversation, Guid poll) =>
        [.. party.Seen.OfType<ConversationUpdated>()
            .Where(update => update.ConversationId == conversation && update.Kind is "vote_set" or "vote_cleared")
            .Where(update => update.Data!.Value.GetProperty("message_id").GetGuid() == poll)
            .Select(update => (
                update.Kind, update.Data!.Value.GetProperty("user_id").GetGuid(),
                update.Data.Value.GetProperty("options").GetRawText()))];
}
